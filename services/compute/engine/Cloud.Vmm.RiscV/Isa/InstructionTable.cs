using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>
/// Every instruction, one line each: opcode, function fields, and what runs it (unprivileged manual, "RV32/64G Instruction Set Listings").
/// </summary>
internal static unsafe class InstructionTable
{
    // By opcode and the function field of three bits: few entries are left to compare.
    private const int BucketBits = 8;

    private static readonly InstructionEntry[][] Buckets = Sort();
    private static readonly InstructionEntry?[] ByOp = Index();

    /// <summary>The entries that an encoding of four bytes may be.</summary>
    internal static ReadOnlySpan<InstructionEntry> Bucket(uint code) => Buckets[BucketOf(code)];

    /// <summary>What runs an instruction.</summary>
    internal static delegate*<HartState*, CodeSlot*, CodeSlot*> HandlerOf(Op op) =>
        ByOp[(int)op] is { } entry ? entry.Handler : &Rv64System.Illegal;

    internal static IEnumerable<InstructionEntry> Entries() =>
    [
        .. BaseInteger(),
        .. TransfersAndMemory(),
        .. MultiplyAndAtomic(),
        .. SinglePrecision(),
        .. DoublePrecision(),
        .. SystemInstructions(),
        .. BitManipulation(),
    ];

    private static InstructionEntry[] BaseInteger() =>
    [
        U(Op.Lui, 0x37, &Rv64I.Lui),
        U(Op.Auipc, 0x17, &Rv64I.Auipc),
        I(Op.Addi, 0x13, 0, &Rv64I.Addi),
        I(Op.Slti, 0x13, 2, &Rv64I.Slti),
        I(Op.Sltiu, 0x13, 3, &Rv64I.Sltiu),
        I(Op.Xori, 0x13, 4, &Rv64I.Xori),
        I(Op.Ori, 0x13, 6, &Rv64I.Ori),
        I(Op.Andi, 0x13, 7, &Rv64I.Andi),
        Shift(Op.Slli, 0x13, 1, 0x00, &Rv64I.Slli),
        Shift(Op.Srli, 0x13, 5, 0x00, &Rv64I.Srli),
        Shift(Op.Srai, 0x13, 5, 0x10, &Rv64I.Srai),
        R(Op.Add, 0x33, 0, 0x00, &Rv64I.Add),
        R(Op.Sub, 0x33, 0, 0x20, &Rv64I.Sub),
        R(Op.Sll, 0x33, 1, 0x00, &Rv64I.Sll),
        R(Op.Slt, 0x33, 2, 0x00, &Rv64I.Slt),
        R(Op.Sltu, 0x33, 3, 0x00, &Rv64I.Sltu),
        R(Op.Xor, 0x33, 4, 0x00, &Rv64I.Xor),
        R(Op.Srl, 0x33, 5, 0x00, &Rv64I.Srl),
        R(Op.Sra, 0x33, 5, 0x20, &Rv64I.Sra),
        R(Op.Or, 0x33, 6, 0x00, &Rv64I.Or),
        R(Op.And, 0x33, 7, 0x00, &Rv64I.And),
        I(Op.Addiw, 0x1B, 0, &Rv64I.Addiw),
        ShiftWord(Op.Slliw, 1, 0x00, &Rv64I.Slliw),
        ShiftWord(Op.Srliw, 5, 0x00, &Rv64I.Srliw),
        ShiftWord(Op.Sraiw, 5, 0x20, &Rv64I.Sraiw),
        R(Op.Addw, 0x3B, 0, 0x00, &Rv64I.Addw),
        R(Op.Subw, 0x3B, 0, 0x20, &Rv64I.Subw),
        R(Op.Sllw, 0x3B, 1, 0x00, &Rv64I.Sllw),
        R(Op.Srlw, 0x3B, 5, 0x00, &Rv64I.Srlw),
        R(Op.Sraw, 0x3B, 5, 0x20, &Rv64I.Sraw),
        I(Op.Fence, 0x0F, 0, &Rv64I.Fence),
    ];

    private static InstructionEntry[] TransfersAndMemory() =>
    [
        J(Op.Jal, &Transfers.Jal),
        I(Op.Jalr, 0x67, 0, &Transfers.Jalr),
        B(Op.Beq, 0, &Transfers.Beq),
        B(Op.Bne, 1, &Transfers.Bne),
        B(Op.Blt, 4, &Transfers.Blt),
        B(Op.Bge, 5, &Transfers.Bge),
        B(Op.Bltu, 6, &Transfers.Bltu),
        B(Op.Bgeu, 7, &Transfers.Bgeu),
        I(Op.Lb, 0x03, 0, &LoadsStores.Lb),
        I(Op.Lh, 0x03, 1, &LoadsStores.Lh),
        I(Op.Lw, 0x03, 2, &LoadsStores.Lw),
        I(Op.Ld, 0x03, 3, &LoadsStores.Ld),
        I(Op.Lbu, 0x03, 4, &LoadsStores.Lbu),
        I(Op.Lhu, 0x03, 5, &LoadsStores.Lhu),
        I(Op.Lwu, 0x03, 6, &LoadsStores.Lwu),
        S(Op.Sb, 0x23, 0, &LoadsStores.Sb),
        S(Op.Sh, 0x23, 1, &LoadsStores.Sh),
        S(Op.Sw, 0x23, 2, &LoadsStores.Sw),
        S(Op.Sd, 0x23, 3, &LoadsStores.Sd),
        I(Op.Flw, 0x07, 2, &LoadsStores.Flw),
        I(Op.Fld, 0x07, 3, &LoadsStores.Fld),
        S(Op.Fsw, 0x27, 2, &LoadsStores.Fsw),
        S(Op.Fsd, 0x27, 3, &LoadsStores.Fsd),
    ];

    private static InstructionEntry[] MultiplyAndAtomic() =>
    [
        R(Op.Mul, 0x33, 0, 0x01, &Rv64M.Mul),
        R(Op.Mulh, 0x33, 1, 0x01, &Rv64M.Mulh),
        R(Op.Mulhsu, 0x33, 2, 0x01, &Rv64M.Mulhsu),
        R(Op.Mulhu, 0x33, 3, 0x01, &Rv64M.Mulhu),
        R(Op.Div, 0x33, 4, 0x01, &Rv64M.Div),
        R(Op.Divu, 0x33, 5, 0x01, &Rv64M.Divu),
        R(Op.Rem, 0x33, 6, 0x01, &Rv64M.Rem),
        R(Op.Remu, 0x33, 7, 0x01, &Rv64M.Remu),
        R(Op.Mulw, 0x3B, 0, 0x01, &Rv64M.Mulw),
        R(Op.Divw, 0x3B, 4, 0x01, &Rv64M.Divw),
        R(Op.Divuw, 0x3B, 5, 0x01, &Rv64M.Divuw),
        R(Op.Remw, 0x3B, 6, 0x01, &Rv64M.Remw),
        R(Op.Remuw, 0x3B, 7, 0x01, &Rv64M.Remuw),
        LoadReserved(Op.LrW, 2, &Rv64A.LrW),
        Atomic(Op.ScW, 2, 0x03, &Rv64A.ScW),
        Atomic(Op.AmoSwapW, 2, 0x01, &Rv64A.SwapW),
        Atomic(Op.AmoAddW, 2, 0x00, &Rv64A.AddW),
        Atomic(Op.AmoXorW, 2, 0x04, &Rv64A.XorW),
        Atomic(Op.AmoAndW, 2, 0x0C, &Rv64A.AndW),
        Atomic(Op.AmoOrW, 2, 0x08, &Rv64A.OrW),
        Atomic(Op.AmoMinW, 2, 0x10, &Rv64A.MinW),
        Atomic(Op.AmoMaxW, 2, 0x14, &Rv64A.MaxW),
        Atomic(Op.AmoMinuW, 2, 0x18, &Rv64A.MinuW),
        Atomic(Op.AmoMaxuW, 2, 0x1C, &Rv64A.MaxuW),
        LoadReserved(Op.LrD, 3, &Rv64A.LrD),
        Atomic(Op.ScD, 3, 0x03, &Rv64A.ScD),
        Atomic(Op.AmoSwapD, 3, 0x01, &Rv64A.SwapD),
        Atomic(Op.AmoAddD, 3, 0x00, &Rv64A.AddD),
        Atomic(Op.AmoXorD, 3, 0x04, &Rv64A.XorD),
        Atomic(Op.AmoAndD, 3, 0x0C, &Rv64A.AndD),
        Atomic(Op.AmoOrD, 3, 0x08, &Rv64A.OrD),
        Atomic(Op.AmoMinD, 3, 0x10, &Rv64A.MinD),
        Atomic(Op.AmoMaxD, 3, 0x14, &Rv64A.MaxD),
        Atomic(Op.AmoMinuD, 3, 0x18, &Rv64A.MinuD),
        Atomic(Op.AmoMaxuD, 3, 0x1C, &Rv64A.MaxuD),
    ];

    private static InstructionEntry[] SinglePrecision() =>
    [
        Fused(Op.FmaddS, 0x43, 0, &Rv64F.MultiplyAdd),
        Fused(Op.FmsubS, 0x47, 0, &Rv64F.MultiplySubtract),
        Fused(Op.FnmsubS, 0x4B, 0, &Rv64F.NegatedMultiplySubtract),
        Fused(Op.FnmaddS, 0x4F, 0, &Rv64F.NegatedMultiplyAdd),
        Float(Op.FaddS, 0x00, &Rv64F.Add),
        Float(Op.FsubS, 0x04, &Rv64F.Subtract),
        Float(Op.FmulS, 0x08, &Rv64F.Multiply),
        Float(Op.FdivS, 0x0C, &Rv64F.Divide),
        FloatUnary(Op.FsqrtS, 0x2C, 0, &Rv64F.SquareRoot),
        R(Op.FsgnjS, 0x53, 0, 0x10, &Rv64F.SignInject),
        R(Op.FsgnjnS, 0x53, 1, 0x10, &Rv64F.SignInjectNegated),
        R(Op.FsgnjxS, 0x53, 2, 0x10, &Rv64F.SignInjectXor),
        R(Op.FminS, 0x53, 0, 0x14, &Rv64F.Minimum),
        R(Op.FmaxS, 0x53, 1, 0x14, &Rv64F.Maximum),
        FloatUnary(Op.FcvtSD, 0x20, 1, &Rv64F.FromDouble),
        FloatUnary(Op.FcvtWS, 0x60, 0, &Rv64F.ToInt32),
        FloatUnary(Op.FcvtWuS, 0x60, 1, &Rv64F.ToUInt32),
        FloatUnary(Op.FcvtLS, 0x60, 2, &Rv64F.ToInt64),
        FloatUnary(Op.FcvtLuS, 0x60, 3, &Rv64F.ToUInt64),
        Unary(Op.FmvXW, 0x53, 0, 0x70, 0, &Rv64F.MoveToInteger),
        R(Op.FleS, 0x53, 0, 0x50, &Rv64F.LessOrEqual),
        R(Op.FltS, 0x53, 1, 0x50, &Rv64F.Less),
        R(Op.FeqS, 0x53, 2, 0x50, &Rv64F.Equal),
        Unary(Op.FclassS, 0x53, 1, 0x70, 0, &Rv64F.Classify),
        FloatUnary(Op.FcvtSW, 0x68, 0, &Rv64F.FromInt32),
        FloatUnary(Op.FcvtSWu, 0x68, 1, &Rv64F.FromUInt32),
        FloatUnary(Op.FcvtSL, 0x68, 2, &Rv64F.FromInt64),
        FloatUnary(Op.FcvtSLu, 0x68, 3, &Rv64F.FromUInt64),
        Unary(Op.FmvWX, 0x53, 0, 0x78, 0, &Rv64F.MoveFromInteger),
    ];

    private static InstructionEntry[] DoublePrecision() =>
    [
        Fused(Op.FmaddD, 0x43, 1, &Rv64D.MultiplyAdd),
        Fused(Op.FmsubD, 0x47, 1, &Rv64D.MultiplySubtract),
        Fused(Op.FnmsubD, 0x4B, 1, &Rv64D.NegatedMultiplySubtract),
        Fused(Op.FnmaddD, 0x4F, 1, &Rv64D.NegatedMultiplyAdd),
        Float(Op.FaddD, 0x01, &Rv64D.Add),
        Float(Op.FsubD, 0x05, &Rv64D.Subtract),
        Float(Op.FmulD, 0x09, &Rv64D.Multiply),
        Float(Op.FdivD, 0x0D, &Rv64D.Divide),
        FloatUnary(Op.FsqrtD, 0x2D, 0, &Rv64D.SquareRoot),
        R(Op.FsgnjD, 0x53, 0, 0x11, &Rv64D.SignInject),
        R(Op.FsgnjnD, 0x53, 1, 0x11, &Rv64D.SignInjectNegated),
        R(Op.FsgnjxD, 0x53, 2, 0x11, &Rv64D.SignInjectXor),
        R(Op.FminD, 0x53, 0, 0x15, &Rv64D.Minimum),
        R(Op.FmaxD, 0x53, 1, 0x15, &Rv64D.Maximum),
        FloatUnary(Op.FcvtDS, 0x21, 0, &Rv64D.FromSingle),
        FloatUnary(Op.FcvtWD, 0x61, 0, &Rv64D.ToInt32),
        FloatUnary(Op.FcvtWuD, 0x61, 1, &Rv64D.ToUInt32),
        FloatUnary(Op.FcvtLD, 0x61, 2, &Rv64D.ToInt64),
        FloatUnary(Op.FcvtLuD, 0x61, 3, &Rv64D.ToUInt64),
        Unary(Op.FmvXD, 0x53, 0, 0x71, 0, &Rv64D.MoveToInteger),
        R(Op.FleD, 0x53, 0, 0x51, &Rv64D.LessOrEqual),
        R(Op.FltD, 0x53, 1, 0x51, &Rv64D.Less),
        R(Op.FeqD, 0x53, 2, 0x51, &Rv64D.Equal),
        Unary(Op.FclassD, 0x53, 1, 0x71, 0, &Rv64D.Classify),
        FloatUnary(Op.FcvtDW, 0x69, 0, &Rv64D.FromInt32),
        FloatUnary(Op.FcvtDWu, 0x69, 1, &Rv64D.FromUInt32),
        FloatUnary(Op.FcvtDL, 0x69, 2, &Rv64D.FromInt64),
        FloatUnary(Op.FcvtDLu, 0x69, 3, &Rv64D.FromUInt64),
        Unary(Op.FmvDX, 0x53, 0, 0x79, 0, &Rv64D.MoveFromInteger),
    ];

    private static InstructionEntry[] SystemInstructions() =>
    [
        I(Op.FenceI, 0x0F, 1, &Rv64System.FenceI),
        Csr(Op.Csrrw, 1, &Rv64System.Csrrw),
        Csr(Op.Csrrs, 2, &Rv64System.Csrrs),
        Csr(Op.Csrrc, 3, &Rv64System.Csrrc),
        Csr(Op.Csrrwi, 5, &Rv64System.Csrrwi),
        Csr(Op.Csrrsi, 6, &Rv64System.Csrrsi),
        Csr(Op.Csrrci, 7, &Rv64System.Csrrci),
        Exact(Op.Ecall, 0x00000073, &Rv64System.Ecall),
        Exact(Op.Ebreak, 0x00100073, &Rv64System.Ebreak),
        Exact(Op.Sret, 0x10200073, &Rv64System.Sret),
        Exact(Op.Mret, 0x30200073, &Rv64System.Mret),
        Exact(Op.Wfi, 0x10500073, &Rv64System.Wfi),
        new(Op.SfenceVma, Format.R, 0x12000073, 0xFE007FFF, &Rv64System.SfenceVma),
    ];

    private static InstructionEntry[] BitManipulation() =>
    [
        R(Op.AddUw, 0x3B, 0, 0x04, &Rv64B.AddUw),
        R(Op.Sh1add, 0x33, 2, 0x10, &Rv64B.Sh1add),
        R(Op.Sh1addUw, 0x3B, 2, 0x10, &Rv64B.Sh1addUw),
        R(Op.Sh2add, 0x33, 4, 0x10, &Rv64B.Sh2add),
        R(Op.Sh2addUw, 0x3B, 4, 0x10, &Rv64B.Sh2addUw),
        R(Op.Sh3add, 0x33, 6, 0x10, &Rv64B.Sh3add),
        R(Op.Sh3addUw, 0x3B, 6, 0x10, &Rv64B.Sh3addUw),
        Shift(Op.SlliUw, 0x1B, 1, 0x02, &Rv64B.SlliUw),
        R(Op.Andn, 0x33, 7, 0x20, &Rv64B.Andn),
        R(Op.Orn, 0x33, 6, 0x20, &Rv64B.Orn),
        R(Op.Xnor, 0x33, 4, 0x20, &Rv64B.Xnor),
        Unary(Op.Clz, 0x13, 1, 0x30, 0, &Rv64B.Clz),
        Unary(Op.Clzw, 0x1B, 1, 0x30, 0, &Rv64B.Clzw),
        Unary(Op.Ctz, 0x13, 1, 0x30, 1, &Rv64B.Ctz),
        Unary(Op.Ctzw, 0x1B, 1, 0x30, 1, &Rv64B.Ctzw),
        Unary(Op.Cpop, 0x13, 1, 0x30, 2, &Rv64B.Cpop),
        Unary(Op.Cpopw, 0x1B, 1, 0x30, 2, &Rv64B.Cpopw),
        R(Op.Max, 0x33, 6, 0x05, &Rv64B.Max),
        R(Op.Maxu, 0x33, 7, 0x05, &Rv64B.Maxu),
        R(Op.Min, 0x33, 4, 0x05, &Rv64B.Min),
        R(Op.Minu, 0x33, 5, 0x05, &Rv64B.Minu),
        Unary(Op.SextB, 0x13, 1, 0x30, 4, &Rv64B.SextB),
        Unary(Op.SextH, 0x13, 1, 0x30, 5, &Rv64B.SextH),
        Unary(Op.ZextH, 0x3B, 4, 0x04, 0, &Rv64B.ZextH),
        R(Op.Rol, 0x33, 1, 0x30, &Rv64B.Rol),
        R(Op.Rolw, 0x3B, 1, 0x30, &Rv64B.Rolw),
        R(Op.Ror, 0x33, 5, 0x30, &Rv64B.Ror),
        R(Op.Rorw, 0x3B, 5, 0x30, &Rv64B.Rorw),
        Shift(Op.Rori, 0x13, 5, 0x18, &Rv64B.Rori),
        ShiftWord(Op.Roriw, 5, 0x30, &Rv64B.Roriw),
        Unary(Op.OrcB, 0x13, 5, 0x14, 7, &Rv64B.OrcB),
        Unary(Op.Rev8, 0x13, 5, 0x35, 24, &Rv64B.Rev8),
        R(Op.Bclr, 0x33, 1, 0x24, &Rv64B.Bclr),
        Shift(Op.Bclri, 0x13, 1, 0x12, &Rv64B.Bclri),
        R(Op.Bext, 0x33, 5, 0x24, &Rv64B.Bext),
        Shift(Op.Bexti, 0x13, 5, 0x12, &Rv64B.Bexti),
        R(Op.Binv, 0x33, 1, 0x34, &Rv64B.Binv),
        Shift(Op.Binvi, 0x13, 1, 0x1A, &Rv64B.Binvi),
        R(Op.Bset, 0x33, 1, 0x14, &Rv64B.Bset),
        Shift(Op.Bseti, 0x13, 1, 0x0A, &Rv64B.Bseti),
    ];

    private static InstructionEntry R(
        Op op, uint opcode, uint function3, uint function7, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.R, function7 << 25 | function3 << 12 | opcode, 0xFE00707F, handler);

    private static InstructionEntry Unary(
        Op op, uint opcode, uint function3, uint function7, uint rs2, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.R, function7 << 25 | rs2 << 20 | function3 << 12 | opcode, 0xFFF0707F, handler);

    private static InstructionEntry I(
        Op op, uint opcode, uint function3, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.I, function3 << 12 | opcode, 0x0000707F, handler);

    private static InstructionEntry Shift(
        Op op, uint opcode, uint function3, uint function6, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.Shift, function6 << 26 | function3 << 12 | opcode, 0xFC00707F, handler);

    private static InstructionEntry ShiftWord(
        Op op, uint function3, uint function7, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.Shift, function7 << 25 | function3 << 12 | 0x1B, 0xFE00707F, handler);

    private static InstructionEntry S(
        Op op, uint opcode, uint function3, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.S, function3 << 12 | opcode, 0x0000707F, handler);

    private static InstructionEntry B(
        Op op, uint function3, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.B, function3 << 12 | 0x63, 0x0000707F, handler);

    private static InstructionEntry U(
        Op op, uint opcode, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.U, opcode, 0x0000007F, handler);

    private static InstructionEntry J(
        Op op, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.J, 0x6F, 0x0000007F, handler);

    private static InstructionEntry Csr(
        Op op, uint function3, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.Csr, function3 << 12 | 0x73, 0x0000707F, handler);

    private static InstructionEntry Exact(
        Op op, uint code, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.R, code, 0xFFFFFFFF, handler);

    private static InstructionEntry LoadReserved(
        Op op, uint function3, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.R, 0x10000000 | function3 << 12 | 0x2F, 0xF9F0707F, handler);

    private static InstructionEntry Atomic(
        Op op, uint function3, uint function5, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.R, function5 << 27 | function3 << 12 | 0x2F, 0xF800707F, handler);

    private static InstructionEntry Fused(
        Op op, uint opcode, uint format, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.R4, format << 25 | opcode, 0x0600007F, handler);

    private static InstructionEntry Float(
        Op op, uint function7, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.RFloat, function7 << 25 | 0x53, 0xFE00007F, handler);

    private static InstructionEntry FloatUnary(
        Op op, uint function7, uint rs2, delegate*<HartState*, CodeSlot*, CodeSlot*> handler) =>
        new(op, Format.RFloat, function7 << 25 | rs2 << 20 | 0x53, 0xFFF0007F, handler);

    private static InstructionEntry[][] Sort()
    {
        var buckets = new List<InstructionEntry>[1 << BucketBits];
        InstructionEntry[] entries = [.. Entries()];
        for (uint bucket = 0; bucket < buckets.Length; bucket++)
        {
            buckets[bucket] = [];
            uint code = (bucket >> 3) << 2 | 3 | (bucket & 7) << 12;
            foreach (InstructionEntry entry in entries)
            {
                uint fields = entry.Mask & 0x707F;
                if ((code & fields) == (entry.Match & fields))
                {
                    buckets[bucket].Add(entry);
                }
            }
        }

        return [.. buckets.Select(bucket => bucket.ToArray())];
    }

    private static InstructionEntry?[] Index()
    {
        var byOp = new InstructionEntry?[(int)Op.Bseti + 1];
        foreach (InstructionEntry entry in Entries())
        {
            byOp[(int)entry.Op] = entry;
        }

        return byOp;
    }

    private static uint BucketOf(uint code) => (code >> 2 & 31) << 3 | code >> 12 & 7;
}
