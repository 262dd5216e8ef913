using System.Buffers.Binary;
using System.Text;

namespace Cloud.Vmm.Qemu.Probing;

/// <summary>For QEMU's RISC-V board: starts in machine mode at 0x80000000.</summary>
internal static class RiscV64Probe
{
    private static readonly uint[] Code =
    [
        0x10000437, //       lui   s0, 0x10000      the serial port
        0x00000497, //       auipc s1, 0
        0x04448493, //       addi  s1, s1, text
        0x00100293, //       li    t0, 1
        0x02829293, //       slli  t0, t0, 40       no instruction of a 32-bit hart
        0x0282d293, //       srli  t0, t0, 40
        0x00100313, //       li    t1, 1
        0x02629463, //       bne   t0, t1, stop
        0x0004c283, // next: lbu   t0, (s1)
        0x00028863, //       beqz  t0, end
        0x00540023, //       sb    t0, (s0)
        0x00148493, //       addi  s1, s1, 1
        0xff1ff06f, //       j     next
        0x00005337, // end:  lui   t1, 5
        0x55530313, //       addi  t1, t1, 0x555
        0x001003b7, //       lui   t2, 0x100        the test finisher:
        0x0063a023, //       sw    t1, (t2)         0x5555 ends the machine
        0x0000006f, // stop: j     stop
    ];

    public static ProbeGuest Guest { get; } = new(Build(), [], ExitCode: 0);

    private static byte[] Build()
    {
        var firmware = new byte[(Code.Length * sizeof(uint)) + ProbeGuest.Proof.Length + 1];
        for (var i = 0; i < Code.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(firmware.AsSpan(i * sizeof(uint)), Code[i]);
        }

        Encoding.ASCII.GetBytes(ProbeGuest.Proof).CopyTo(firmware, Code.Length * sizeof(uint));
        return firmware;
    }
}
