using System.Buffers.Binary;
using System.Text;

namespace Cloud.Vmm.Tests.Guests;

/// <summary>
/// For QEMU's RISC-V board: raw code that the firmware starts in supervisor mode. The serial port is at 0x10000000, the test finisher at
/// 0x100000.
/// </summary>
internal sealed class RiscV64Guest : TinyGuest
{
    private const int S0 = 8;
    private const int S1 = 9;
    private const int T0 = 5;
    private const int T1 = 6;
    private const int T2 = 7;
    private const int LineStatus = 5;
    private const int DataReady = 1;
    private const int FinisherPass = 0x5555;
    private const int FinisherReset = 0x7777;

    public override byte[] Kernel { get; } = Build();

    private static byte[] Build()
    {
        // Addresses of the parts, in instructions from the start.
        const int Print = 3;
        const int Loop = 8;
        const int Off = 24;
        const int Reset = 27;
        const int Flood = 30;
        const int Finish = 33;
        const int Counting = 36;
        const int Text = 41;
        uint[] code =
        [
            Lui(S0, 0x10000),                        //  0         s0 = serial port
            Auipc(S1, 0),                            //  1         s1 = here
            AddImmediate(S1, S1, (Text - 1) * 4),    //  2         s1 = text
            LoadByte(T0, S1, 0),                     //  3 print:
            BranchEqual(T0, 0, Loop - 4),            //  4
            StoreByte(T0, S0, 0),                    //  5
            AddImmediate(S1, S1, 1),                 //  6
            Jump(Print - 7),                         //  7
            LoadByte(T0, S0, LineStatus),            //  8 loop:
            AndImmediate(T0, T0, DataReady),         //  9
            BranchEqual(T0, 0, Loop - 10),           // 10
            LoadByte(T0, S0, 0),                     // 11
            AddImmediate(T1, 0, PowerOff),           // 12
            BranchEqual(T0, T1, Off - 13),           // 13
            AddImmediate(T1, 0, Reboot),             // 14
            BranchEqual(T0, T1, Reset - 15),         // 15
            AddImmediate(T1, 0, TinyGuest.Flood),    // 16
            BranchEqual(T0, T1, Flood - 17),         // 17
            AddImmediate(T1, 0, Count),              // 18
            BranchEqual(T0, T1, Counting - 19),      // 19
            StoreByte(T0, S0, 0),                    // 20         any other comes back
            Jump(Loop - 21),                         // 21
            Jump(0),                                 // 22
            Jump(0),                                 // 23
            Lui(T1, FinisherPass >> 12),             // 24 off:
            AddImmediate(T1, T1, FinisherPass & 0xfff), // 25
            Jump(Finish - 26),                       // 26
            Lui(T1, (FinisherReset >> 12)),          // 27 reset:
            AddImmediate(T1, T1, FinisherReset & 0xfff), // 28
            Jump(Finish - 29),                       // 29
            AddImmediate(T0, 0, 'y'),                // 30 flood:  no wait for the transmitter: QEMU's is never full
            StoreByte(T0, S0, 0),                    // 31
            Jump(Flood - 32),                        // 32
            Lui(T2, 0x100),                          // 33 finish:
            StoreWord(T1, T2, 0),                    // 34
            Jump(0),                                 // 35
            LoadByte(T0, S1, 1),                     // 36 counting: s1 = the text's end, and the counter after it
            AddImmediate(T0, T0, 1),                 // 37
            StoreByte(T0, S1, 1),                    // 38
            StoreByte(T0, S0, 0),                    // 39
            Jump(Loop - 40),                         // 40
        ];
        var bytes = new byte[(code.Length * 4) + Hello.Length + 2];
        for (var i = 0; i < code.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * 4), code[i]);
        }

        Encoding.ASCII.GetBytes(Hello).CopyTo(bytes, code.Length * 4);
        bytes[^1] = (byte)'0';
        return bytes;
    }

    // The RISC-V instruction set manual, volume I, chapter 34: instruction formats. Branches and jumps count instructions.
    private static uint Lui(int rd, int upper) => ((uint)upper << 12) | ((uint)rd << 7) | 0x37;

    private static uint Auipc(int rd, int upper) => ((uint)upper << 12) | ((uint)rd << 7) | 0x17;

    private static uint AddImmediate(int rd, int rs, int value) => Immediate(0x13, 0, rd, rs, value);

    private static uint AndImmediate(int rd, int rs, int value) => Immediate(0x13, 7, rd, rs, value);

    private static uint LoadByte(int rd, int rs, int offset) => Immediate(0x03, 4, rd, rs, offset);

    private static uint StoreByte(int value, int at, int offset) => Store(0, value, at, offset);

    private static uint StoreWord(int value, int at, int offset) => Store(2, value, at, offset);

    private static uint Immediate(uint opcode, uint function, int rd, int rs, int value) =>
        ((uint)value << 20) | ((uint)rs << 15) | (function << 12) | ((uint)rd << 7) | opcode;

    private static uint Store(uint function, int value, int at, int offset) =>
        ((uint)(offset >> 5) << 25) | ((uint)value << 20) | ((uint)at << 15) | (function << 12) | ((uint)(offset & 31) << 7) | 0x23;

    private static uint BranchEqual(int left, int right, int instructions)
    {
        var offset = (uint)(instructions * 4);
        return ((offset >> 12 & 1) << 31) | ((offset >> 5 & 0x3f) << 25) | ((uint)right << 20) | ((uint)left << 15)
            | ((offset >> 1 & 0xf) << 8) | ((offset >> 11 & 1) << 7) | 0x63;
    }

    private static uint Jump(int instructions)
    {
        var offset = (uint)(instructions * 4);
        return ((offset >> 20 & 1) << 31) | ((offset >> 1 & 0x3ff) << 21) | ((offset >> 11 & 1) << 20) | ((offset >> 12 & 0xff) << 12)
            | 0x6f;
    }
}
