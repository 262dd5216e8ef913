using System.Buffers.Binary;

namespace Cloud.Vmm.RiscV.Boot;

/// <summary>The first instructions of every hart, and what they hand to the firmware: as OpenSBI's fw_dynamic wants it.</summary>
internal static class BootRom
{
    // struct fw_dynamic_info of OpenSBI, version 2.
    private const ulong InfoMagic = 0x4942534F;
    private const ulong InfoVersion = 2;
    private const ulong SupervisorMode = 1;

    private static readonly uint[] Code =
    [
        0x00000297, // auipc t0, 0
        0x03828613, // addi  a2, t0, 56    the info below
        0xF1402573, // csrr  a0, mhartid
        0x0282B583, // ld    a1, 40(t0)    the device tree
        0x0302B283, // ld    t0, 48(t0)    the firmware
        0x00028067, // jr    t0
    ];

    /// <param name="firmware">Where the harts go.</param>
    /// <param name="deviceTree">What a1 points at.</param>
    /// <param name="next">Where the firmware goes on, in supervisor mode.</param>
    internal static byte[] Build(ulong firmware, ulong deviceTree, ulong next)
    {
        byte[] rom = new byte[0x80];
        for (int i = 0; i < Code.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(rom.AsSpan(i * sizeof(uint)), Code[i]);
        }

        ReadOnlySpan<ulong> data = [deviceTree, firmware, InfoMagic, InfoVersion, next, SupervisorMode, 0, 0];
        for (int i = 0; i < data.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(rom.AsSpan(40 + i * sizeof(ulong)), data[i]);
        }

        return rom;
    }
}
