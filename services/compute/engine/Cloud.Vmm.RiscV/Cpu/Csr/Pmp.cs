using Cloud.Vmm.RiscV.Memory;
using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Cpu.Csr;

/// <summary>
/// Physical memory protection (privileged manual 3.7): 16 entries with a granularity of one page, so that a page is always allowed or
/// refused whole.
/// </summary>
internal sealed class Pmp
{
    private const int Entries = 16;

    // G = 10: the lowest ten bits of an address register are not there, NA4 cannot be chosen.
    private const int GrainBits = 10;
    private const ulong AddressMask = (1UL << 54) - 1;

    private const byte Read = 1;
    private const byte Write = 2;
    private const byte Execute = 4;
    private const byte Locked = 0x80;
    private const int ModeTor = 1;
    private const int ModeNa4 = 2;
    private const int ModeNapot = 3;

    private readonly byte[] _configuration = new byte[Entries];
    private readonly ulong[] _address = new ulong[Entries];
    private bool _anyActive;
    private bool _anyLocked;

    internal ulong ReadConfiguration(int index)
    {
        ulong value = 0;
        for (int i = 7; i >= 0; i--)
        {
            int entry = index * 4 + i;
            value = value << 8 | (entry < Entries ? _configuration[entry] : 0U);
        }

        return value;
    }

    internal void WriteConfiguration(int index, ulong value)
    {
        for (int i = 0; i < 8; i++)
        {
            int entry = index * 4 + i;
            if (entry < Entries && (_configuration[entry] & Locked) == 0)
            {
                _configuration[entry] = Legal((byte)(value >> (8 * i)), _configuration[entry]);
            }
        }

        Summarize();
    }

    internal ulong ReadAddress(int index)
    {
        if (index >= Entries)
        {
            return 0;
        }

        return ModeOf(_configuration[index]) == ModeNapot
            ? _address[index] | ((1UL << (GrainBits - 1)) - 1)
            : _address[index] & ~((1UL << GrainBits) - 1);
    }

    internal void WriteAddress(int index, ulong value)
    {
        bool writable = index < Entries && (_configuration[index] & Locked) == 0
            && !(index + 1 < Entries && (_configuration[index + 1] & Locked) != 0 && ModeOf(_configuration[index + 1]) == ModeTor);
        if (writable)
        {
            _address[index] = value & AddressMask;
        }
    }

    /// <summary>Whether an access to a physical address is allowed in a mode.</summary>
    internal bool Allows(ulong physical, Access access, PrivilegeMode mode)
    {
        if (mode == PrivilegeMode.Machine && !_anyLocked)
        {
            return true;
        }

        if (!_anyActive)
        {
            // Without an active entry supervisor and user mode may do nothing (3.7.1), machine mode all.
            return mode == PrivilegeMode.Machine;
        }

        for (int i = 0; i < Entries; i++)
        {
            if (Matches(i, physical))
            {
                byte needed = access switch { Access.Load => Read, Access.Store => Write, _ => Execute };
                bool binds = mode != PrivilegeMode.Machine || (_configuration[i] & Locked) != 0;
                return !binds || (_configuration[i] & needed) != 0;
            }
        }

        return mode == PrivilegeMode.Machine;
    }

    internal void Save(StateWriter state)
    {
        state.Bytes(_configuration);
        state.Doubles(_address);
    }

    internal void Load(StateReader state)
    {
        byte[] configuration = state.Bytes();
        if (configuration.Length != Entries)
        {
            throw new InvalidDataException("The state has another number of PMP entries.");
        }

        configuration.CopyTo(_configuration, 0);
        state.Doubles(_address);
        Summarize();
    }

    private void Summarize()
    {
        _anyActive = _configuration.Any(entry => ModeOf(entry) != 0);
        _anyLocked = _configuration.Any(entry => (entry & Locked) != 0);
    }

    private bool Matches(int index, ulong physical)
    {
        ulong page = physical >> 12;
        ulong address = ReadAddress(index);
        switch (ModeOf(_configuration[index]))
        {
            case ModeTor:
                ulong low = index == 0 ? 0 : ReadAddress(index - 1) >> GrainBits;
                return page >= low && page < _address[index] >> GrainBits;
            case ModeNapot:
                // The trailing ones give the size: all of them and the zero after are not compared.
                ulong mask = ~(address ^ (address + 1));
                return (physical >> 2 & mask) == (address & mask);
            default:
                return false;
        }
    }

    private static int ModeOf(byte configuration) => configuration >> 3 & 3;

    private static byte Legal(byte value, byte old)
    {
        int legal = value & (Locked | 0x1F);
        if (ModeOf((byte)legal) == ModeNa4)
        {
            legal = legal & ~0x18 | old & 0x18;
        }

        return (byte)((legal & (Read | Write)) == Write ? legal & ~Write : legal);
    }
}
