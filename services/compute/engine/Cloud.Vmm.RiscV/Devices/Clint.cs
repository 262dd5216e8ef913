using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices;

// Register map (SiFive's core-local interruptor):
//   0x0000 + 4·hart  msip: bit 0 is the hart's machine software interrupt
//   0x4000 + 8·hart  mtimecmp: the machine timer interrupt is up while mtime is at least this
//   0xBFF8           mtime

/// <summary>The core-local interruptor: software interrupts between harts, and the machine timers.</summary>
internal sealed class Clint(Hart[] harts, IClock clock) : IBusDevice
{
    private readonly uint[] _software = new uint[harts.Length];

    private enum Registers : ulong
    {
        Software = 0,
        TimeCompare = 0x4000,
        Time = 0xBFF8,
    }

    public bool Read(ulong offset, int sizeLog2, out ulong value)
    {
        value = 0;
        if (sizeLog2 < 2)
        {
            return false;
        }

        ulong register = ReadDouble(offset & ~7UL);
        value = sizeLog2 == 3 ? register : (uint)(register >> (int)(offset & 4) * 8);
        return true;
    }

    public bool Write(ulong offset, int sizeLog2, ulong value)
    {
        if (sizeLog2 < 2)
        {
            return false;
        }

        if (offset < (ulong)Registers.TimeCompare)
        {
            WriteSoftware((int)offset / 4, (uint)value);
            return true;
        }

        ulong aligned = offset & ~7UL;
        ulong merged = value;
        if (sizeLog2 == 2)
        {
            int shift = (int)(offset & 4) * 8;
            merged = ReadDouble(aligned) & ~(0xFFFFFFFFUL << shift) | (ulong)(uint)value << shift;
        }

        if (aligned == (ulong)Registers.Time)
        {
            clock.Set(harts[0], merged);
            Array.ForEach(harts, hart => hart.Attend());
        }
        else if ((aligned - (ulong)Registers.TimeCompare) / 8 < (ulong)harts.Length)
        {
            harts[(int)(aligned - (ulong)Registers.TimeCompare) / 8].SetTimer(merged);
        }

        return true;
    }

    public void Reset() => Array.Clear(_software);

    public void Save(StateWriter state)
    {
        state.Words(_software);
        state.U64(clock.TicksOf(harts[0]));
    }

    /// <summary>Time goes on from where it stood.</summary>
    public void Load(StateReader state)
    {
        state.Words(_software);
        clock.Set(harts[0], state.U64());
    }

    private void WriteSoftware(int hart, uint value)
    {
        if (hart < harts.Length)
        {
            Volatile.Write(ref _software[hart], value & 1);
            harts[hart].SetInterrupt(Interrupts.MachineSoftware, (value & 1) != 0);
        }
    }

    private ulong ReadDouble(ulong offset)
    {
        if (offset < (ulong)Registers.TimeCompare)
        {
            int hart = (int)offset / 4;
            return Software(hart) | (ulong)Software(hart + 1) << 32;
        }

        if (offset == (ulong)Registers.Time)
        {
            return clock.TicksOf(harts[0]);
        }

        ulong compare = (offset - (ulong)Registers.TimeCompare) / 8;
        return compare < (ulong)harts.Length ? harts[compare].Csrs.Mtimecmp : 0;
    }

    private uint Software(int hart) => hart < harts.Length ? Volatile.Read(ref _software[hart]) : 0;
}
