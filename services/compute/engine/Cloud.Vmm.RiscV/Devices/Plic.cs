using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices;

// Register map (RISC-V Platform-Level Interrupt Controller Specification 1.0.0):
//   0x000000 + 4·source    priority of a source
//   0x001000               pending bits, 32 sources a word
//   0x002000 + 0x80·ctx    enable bits of a context, 32 sources a word
//   0x200000 + 0x1000·ctx  threshold of a context
//   0x200004 + 0x1000·ctx  claim (read) and complete (write)
// Context 2·hart is the hart's machine mode, 2·hart + 1 its supervisor mode.

/// <summary>
/// The platform-level interrupt controller: levels of the devices in, one external interrupt line for each mode of each hart out.
/// </summary>
internal sealed class Plic : IBusDevice
{
    private const ulong EnableStride = 0x80;
    private const ulong ContextStride = 0x1000;
    private const uint PriorityMax = 7;
    private const int Words = MemoryMap.InterruptSources / 32;

    private readonly Lock _lock = new();
    private readonly Hart[] _harts;
    private readonly uint[] _priority = new uint[MemoryMap.InterruptSources];
    private readonly uint[] _level = new uint[Words];
    private readonly uint[] _pending = new uint[Words];

    // A source between claim and completion: its gateway is closed, whoever claimed it.
    private readonly uint[] _claimed = new uint[Words];
    private readonly uint[][] _enabled;
    private readonly uint[] _threshold;
    private readonly bool[] _raised;

    internal Plic(Hart[] harts)
    {
        _harts = harts;
        int contexts = harts.Length * 2;
        _enabled = [.. Enumerable.Range(0, contexts).Select(_ => new uint[Words])];
        _threshold = new uint[contexts];
        _raised = new bool[contexts];
    }

    private enum Registers : ulong
    {
        Pending = 0x1000,
        Enable = 0x2000,
        Context = 0x200000,
        Threshold = 0,
        Claim = 4,
    }

    public bool Read(ulong offset, int sizeLog2, out ulong value)
    {
        value = 0;
        if (sizeLog2 != 2)
        {
            return false;
        }

        lock (_lock)
        {
            value = ReadWord(offset);
            Update();
        }

        return true;
    }

    public bool Write(ulong offset, int sizeLog2, ulong value)
    {
        if (sizeLog2 != 2)
        {
            return false;
        }

        lock (_lock)
        {
            WriteWord(offset, (uint)value);
            Update();
        }

        return true;
    }

    public void Reset()
    {
        lock (_lock)
        {
            foreach (uint[] registers in (uint[][])[_priority, _pending, _claimed, _threshold, .. _enabled])
            {
                Array.Clear(registers);
            }

            Update();
        }
    }

    public void Save(StateWriter state)
    {
        lock (_lock)
        {
            foreach (uint[] registers in All)
            {
                state.Words(registers);
            }

            foreach (bool raised in _raised)
            {
                state.Flag(raised);
            }
        }
    }

    public void Load(StateReader state)
    {
        lock (_lock)
        {
            foreach (uint[] registers in All)
            {
                state.Words(registers);
            }

            for (int context = 0; context < _raised.Length; context++)
            {
                _raised[context] = state.Flag();
            }
        }
    }

    /// <summary>Sets the level of a source; from any thread.</summary>
    internal void SetLevel(int source, bool high)
    {
        lock (_lock)
        {
            Assign(_level, source, high);
            if (high && !Has(_claimed, source))
            {
                Assign(_pending, source, true);
            }
            else if (!high)
            {
                Assign(_pending, source, false);
            }

            Update();
        }
    }

    private IEnumerable<uint[]> All => [_priority, _level, _pending, _claimed, _threshold, .. _enabled];

    private uint ReadWord(ulong offset)
    {
        if (offset < (ulong)Registers.Pending)
        {
            ulong source = offset / 4;
            return source < MemoryMap.InterruptSources ? _priority[source] : 0;
        }

        if (offset < (ulong)Registers.Enable)
        {
            ulong word = (offset - (ulong)Registers.Pending) / 4;
            return word < Words ? _pending[word] : 0;
        }

        if (offset < (ulong)Registers.Context)
        {
            return TryEnable(offset, out int context, out int word) ? _enabled[context][word] : 0;
        }

        if (!TryContext(offset, out int target, out Registers register))
        {
            return 0;
        }

        return register switch
        {
            Registers.Threshold => _threshold[target],
            Registers.Claim => Claim(target),
            _ => 0,
        };
    }

    private void WriteWord(ulong offset, uint value)
    {
        if (offset < (ulong)Registers.Pending)
        {
            ulong source = offset / 4;
            if (source is > 0 and < MemoryMap.InterruptSources)
            {
                _priority[source] = Math.Min(value, PriorityMax);
            }
        }
        else if (offset < (ulong)Registers.Context)
        {
            if (offset >= (ulong)Registers.Enable && TryEnable(offset, out int context, out int word))
            {
                _enabled[context][word] = word == 0 ? value & ~1U : value;
            }
        }
        else if (TryContext(offset, out int target, out Registers register))
        {
            switch (register)
            {
                case Registers.Threshold:
                    _threshold[target] = Math.Min(value, PriorityMax);
                    break;
                case Registers.Claim:
                    Complete(target, value);
                    break;
            }
        }
    }

    private uint Claim(int context)
    {
        int best = Best(context);
        if (best != 0)
        {
            Assign(_pending, best, false);
            Assign(_claimed, best, true);
        }

        return (uint)best;
    }

    private void Complete(int context, uint source)
    {
        // A completion of a source that the context has not enabled is ignored.
        if (source is 0 or >= MemoryMap.InterruptSources || !Has(_enabled[context], (int)source))
        {
            return;
        }

        Assign(_claimed, (int)source, false);
        Assign(_pending, (int)source, Has(_level, (int)source));
    }

    /// <summary>The pending source of the highest priority, of equals the lowest number; 0 for none.</summary>
    private int Best(int context)
    {
        int best = 0;
        uint highest = 0;
        for (int word = 0; word < Words; word++)
        {
            for (uint bits = _pending[word] & _enabled[context][word]; bits != 0; bits &= bits - 1)
            {
                int source = word * 32 + System.Numerics.BitOperations.TrailingZeroCount(bits);
                if (_priority[source] > highest)
                {
                    highest = _priority[source];
                    best = source;
                }
            }
        }

        return best;
    }

    private void Update()
    {
        for (int context = 0; context < _raised.Length; context++)
        {
            int best = Best(context);
            bool raise = best != 0 && _priority[best] > _threshold[context];
            if (raise != _raised[context])
            {
                _raised[context] = raise;
                _harts[context / 2].SetInterrupt((context & 1) == 0 ? Interrupts.MachineExternal : Interrupts.SupervisorExternal, raise);
            }
        }
    }

    private bool TryEnable(ulong offset, out int context, out int word)
    {
        ulong relative = offset - (ulong)Registers.Enable;
        context = (int)(relative / EnableStride);
        word = (int)(relative % EnableStride / 4);
        return context < _enabled.Length && word < Words;
    }

    private bool TryContext(ulong offset, out int context, out Registers register)
    {
        ulong relative = offset - (ulong)Registers.Context;
        context = (int)(relative / ContextStride);
        register = (Registers)(relative % ContextStride);
        return context < _threshold.Length;
    }

    private static bool Has(uint[] bits, int source) => (bits[source / 32] >> (source % 32) & 1) != 0;

    private static void Assign(uint[] bits, int source, bool value) =>
        bits[source / 32] = bits[source / 32] & ~(1U << (source % 32)) | (value ? 1U << (source % 32) : 0);
}
