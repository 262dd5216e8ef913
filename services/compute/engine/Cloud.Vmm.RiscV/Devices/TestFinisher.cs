using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices;

// Register map (SiFive's test finisher, which the device tree also names as a syscon):
//   0x0  0x5555 powers off, 0x3333 fails with the code in the upper half, 0x7777 resets

/// <summary>The register by which firmware and kernels power off and reset.</summary>
internal sealed class TestFinisher(Action<MachineEnd> end) : IBusDevice
{
    internal const uint PowerOff = 0x5555;
    internal const uint Fail = 0x3333;
    internal const uint Restart = 0x7777;

    public bool Read(ulong offset, int sizeLog2, out ulong value)
    {
        value = 0;
        return true;
    }

    public bool Write(ulong offset, int sizeLog2, ulong value)
    {
        if (offset != 0)
        {
            return true;
        }

        switch ((uint)value & 0xFFFF)
        {
            case PowerOff:
                end(new MachineEnd(MachineEndKind.PowerOff, 0));
                break;
            case Fail:
                end(new MachineEnd(MachineEndKind.PowerOff, (int)((uint)value >> 16)));
                break;
            case Restart:
                end(new MachineEnd(MachineEndKind.Reset, 0));
                break;
        }

        return true;
    }

    public void Reset()
    {
    }

    public void Save(StateWriter state)
    {
    }

    public void Load(StateReader state)
    {
    }
}
