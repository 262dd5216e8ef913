using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Tests.LockStep;

/// <summary>
/// A random stream of instructions between a prologue that gives every register a value and an epilogue that prints all of them, the
/// floating-point
/// state and the memory that the stream could reach. A trap in it is hashed with its cause and skipped. The same bytes run here and on
/// QEMU.
/// </summary>
internal sealed class StreamProgram
{
    // x26 holds the data's address; x27 to x31 are the handler's and the epilogue's own. The stream writes x1 to x25.
    private const int Data = 26;
    private const int Hash = 29;
    private const int StreamRegisters = 26;
    private const ulong DataAddress = MemoryMap.Ram + 0x100000;
    private const int DataSize = 4096;
    private const int Mtvec = 0x305;
    private const int Mepc = 0x341;
    private const int Mcause = 0x342;
    private const int Mstatus = 0x300;
    private const int Fcsr = 0x003;

    // Of these CTZW only for QEMU 7.2's sake: there it counts on past a word of zeros.
    private static readonly Op[] Skipped =
    [
        Op.Ctzw,
        Op.Jalr, Op.Jal, Op.Ecall, Op.Ebreak, Op.Mret, Op.Sret, Op.Wfi, Op.SfenceVma, Op.FenceI, Op.Auipc,
        Op.Csrrw, Op.Csrrs, Op.Csrrc, Op.Csrrwi, Op.Csrrsi, Op.Csrrci,
    ];

    private static readonly Op[] Choices = [.. InstructionTable.Entries().Select(entry => entry.Op).Except(Skipped)];
    private static readonly ulong[] Edges =
    [
        0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, ulong.MaxValue,
        0x3FF0000000000000, 0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 0x7FF0000000000001, 0x0000000000000001,
        0x0010000000000000, 0x7FEFFFFFFFFFFFFF, 0xFFFFFFFF3F800000, 0xFFFFFFFF7F800000, 0xFFFFFFFF7FC00000, 0xFFFFFFFF7F800001,
        0xFFFFFFFF00000001, 0xFFFFFFFF00800000, 0xFFFFFFFF7F7FFFFF, 0xFFFFFFFF80000000, 0x4340000000000001, 0xFFFFFFFF4F000000,
    ];

    private readonly Random _random;
    private readonly Asm _asm = new();

    private StreamProgram(int seed) => _random = new Random(seed);

    /// <param name="last">The last instruction of the stream, for a report.</param>
    internal static byte[] Build(int seed, int instructions, out Instruction last)
    {
        var program = new StreamProgram(seed);
        program.Prologue();
        int start = 0;
        for (int i = 0; i < instructions; i++)
        {
            start = program._asm.Position;
            program.Random();
        }

        program.Epilogue();
        byte[] bytes = program._asm.Build();
        last = Decoder.Decode(BitConverter.ToUInt32(bytes, start));
        return bytes;
    }

    private void Prologue()
    {
        _asm.Jump(0, "start");
        Handler();
        _asm.Label("start");
        _asm.U(Op.Auipc, 30, 0).I(Op.Addi, 30, 30, 4 - _asm.Position + 4).I(Op.Csrrw, 0, 30, Mtvec);
        _asm.Li(30, 3 << 13).I(Op.Csrrs, 0, 30, Mstatus).I(Op.Csrrwi, 0, 0, Fcsr);
        _asm.Li(Hash, 0).Li(Data, DataAddress + DataSize / 2);
        for (int i = 0; i < 32; i++)
        {
            _asm.Li(30, Value()).S(Op.Sd, 30, Data, i * 8).I(Op.Fld, i, Data, i * 8);
        }

        for (int i = 1; i < StreamRegisters; i++)
        {
            _asm.Li(i, Value());
        }
    }

    /// <summary>Hashes the cause and goes on past the instruction, whose length its lowest bits tell.</summary>
    private void Handler()
    {
        _asm.I(Op.Csrrs, 31, 0, Mepc).I(Op.Lhu, 30, 31, 0).I(Op.Andi, 30, 30, 3).I(Op.Sltiu, 30, 30, 3);
        _asm.I(Op.Xori, 30, 30, 1).I(Op.Slli, 30, 30, 1).I(Op.Addi, 31, 31, 2).R(Op.Add, 31, 31, 30).I(Op.Csrrw, 0, 31, Mepc);
        _asm.I(Op.Csrrs, 30, 0, Mcause).I(Op.Slli, 31, Hash, 5).R(Op.Add, Hash, Hash, 31).R(Op.Add, Hash, Hash, 30);
        _asm.Word(0x30200073);
    }

    private void Random()
    {
        int kind = _random.Next(20);
        if (kind == 0)
        {
            // fcsr: flags and rounding mode, reserved modes too.
            _asm.I(_random.Next(2) == 0 ? Op.Csrrw : Op.Csrrs, _random.Next(1, StreamRegisters), _random.Next(StreamRegisters),
                _random.Next(1, 4));
            return;
        }

        if (kind <= 3)
        {
            Compressed();
            return;
        }

        Op op = Choices[_random.Next(Choices.Length)];
        int rd = _random.Next(StreamRegisters);
        int rs1 = _random.Next(StreamRegisters);
        int rs2 = _random.Next(StreamRegisters);
        int immediate = _random.Next(-2048, 2048);
        switch (op)
        {
            case >= Op.Beq and <= Op.Bgeu:
                // Over the next instruction, which is of four bytes.
                _asm.Word(Asm.Encode(op, 0, rs1, rs2, 8)).I(Op.Addi, rd, rs1, immediate);
                break;
            case >= Op.Lb and <= Op.Sd or Op.Flw or Op.Fsw or Op.Fld or Op.Fsd:
                _asm.Word(Asm.Encode(op, FloatRegister(op, rd), Data, rs2, Math.Clamp(immediate, -2040, 2039)));
                break;
            case Op.LrW or Op.ScW or Op.LrD or Op.ScD:
                // As a pair: whether an SC that stands alone succeeds is up to the implementation.
                bool word = op is Op.LrW or Op.ScW;
                _asm.R(word ? Op.LrW : Op.LrD, rd, Data, 0).R(word ? Op.ScW : Op.ScD, rs1, Data, rs2);
                break;
            case >= Op.LrW and <= Op.AmoMaxuD:
                _asm.Word(Asm.Encode(op, rd, Data, rs2, 0));
                break;
            case >= Op.FmaddS and <= Op.FmvDX:
                _asm.Word(Asm.Encode(op, FloatRegister(op, rd), rs1, rs2, 0, _random.Next(32), _random.Next(8)));
                break;
            default:
                int shift = op is Op.Slliw or Op.Srliw or Op.Sraiw or Op.Roriw ? _random.Next(32) : _random.Next(64);
                _asm.Word(Asm.Encode(op, rd, rs1, rs2, IsShift(op) ? shift : immediate << (op == Op.Lui ? 12 : 0)));
                break;
        }
    }

    /// <summary>A random compressed instruction that neither jumps nor touches memory, nor writes what is not the stream's.</summary>
    private void Compressed()
    {
        while (true)
        {
            ushort code = (ushort)_random.Next(1 << 16);
            Instruction instruction = Decoder.Decode(code);
            bool harmless = (code & 3) != 3 && instruction.Op is Op.Addi or Op.Addiw or Op.Lui or Op.Slli or Op.Srli or Op.Srai or Op.Andi
                or Op.Add or Op.Sub or Op.Xor or Op.Or or Op.And or Op.Addw or Op.Subw;
            if (harmless && instruction.Rd < StreamRegisters && instruction.Rs1 < StreamRegisters && instruction.Rs2 < StreamRegisters)
            {
                _asm.Half(code);
                return;
            }
        }
    }

    private void Epilogue()
    {
        // The registers go behind the data, and all of it is printed by doublewords.
        _asm.Li(27, DataAddress + DataSize);
        for (int i = 0; i < StreamRegisters; i++)
        {
            _asm.S(Op.Sd, i, 27, i * 8);
        }

        _asm.S(Op.Sd, Hash, 27, StreamRegisters * 8).I(Op.Csrrs, 30, 0, Fcsr).S(Op.Sd, 30, 27, StreamRegisters * 8 + 8);
        for (int i = 0; i < 32; i++)
        {
            _asm.S(Op.Fsd, i, 27, 256 + i * 8);
        }

        _asm.Li(1, DataAddress).Li(2, DataAddress + DataSize + 512).Li(3, MemoryMap.Uart);
        _asm.Label("next").I(Op.Ld, 4, 1, 0).Li(5, 60);
        _asm.Label("digit").R(Op.Srl, 6, 4, 5).I(Op.Andi, 6, 6, 15).I(Op.Addi, 6, 6, 'A').S(Op.Sb, 6, 3, 0);
        _asm.I(Op.Addi, 5, 5, -4).Branch(Op.Bge, 5, 0, "digit");
        _asm.Li(6, '\n').S(Op.Sb, 6, 3, 0).I(Op.Addi, 1, 1, 8).Branch(Op.Bltu, 1, 2, "next");
        _asm.Li(1, MemoryMap.TestFinisher).Li(2, 0x5555).S(Op.Sw, 2, 1, 0).Label("end").Jump(0, "end");
    }

    private ulong Value() => _random.Next(3) switch
    {
        0 => Edges[_random.Next(Edges.Length)],
        1 => (ulong)_random.NextInt64(),
        _ => (ulong)_random.Next(-100, 100),
    };

    /// <summary>The destination: any of the 32 where it is a floating-point register.</summary>
    private int FloatRegister(Op op, int rd)
    {
        bool integer = op is < Op.Flw or Op.FmvXW or Op.FmvXD or (>= Op.FcvtWS and <= Op.FclassS) or (>= Op.FcvtWD and <= Op.FclassD);
        return integer ? rd : _random.Next(32);
    }

    private static bool IsShift(Op op) => op is Op.Slli or Op.Srli or Op.Srai or Op.Slliw or Op.Srliw or Op.Sraiw or Op.Rori or Op.Roriw
        or Op.SlliUw or Op.Bclri or Op.Bexti or Op.Binvi or Op.Bseti;
}
