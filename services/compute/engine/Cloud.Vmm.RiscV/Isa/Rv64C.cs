namespace Cloud.Vmm.RiscV.Isa;

/// <summary>The compressed instructions (unprivileged manual, chapter "C"): each stands for one instruction of four bytes.</summary>
internal static class Rv64C
{
    /// <summary>What reserved encodings expand to: an encoding that is defined to be illegal.</summary>
    private const uint Illegal = 0;

    private const uint StackPointer = 2;

    /// <summary>The instruction of four bytes that a compressed one stands for; 0, which is illegal, for a reserved encoding.</summary>
    internal static uint Expand(uint half) => (half & 3) switch
    {
        0 => Quadrant0(half),
        1 => Quadrant1(half),
        _ => Quadrant2(half),
    };

    private static uint Quadrant0(uint c)
    {
        uint rd = 8 + Bits(c, 2, 3);
        uint rs1 = 8 + Bits(c, 7, 3);
        uint wordOffset = Bits(c, 10, 3) << 3 | Bits(c, 6, 1) << 2 | Bits(c, 5, 1) << 6;
        uint doubleOffset = Bits(c, 10, 3) << 3 | Bits(c, 5, 2) << 6;
        switch (Bits(c, 13, 3))
        {
            case 0:
                uint immediate = Bits(c, 11, 2) << 4 | Bits(c, 7, 4) << 6 | Bits(c, 6, 1) << 2 | Bits(c, 5, 1) << 3;
                return immediate == 0 ? Illegal : ImmediateForm(0x13, 0, rd, StackPointer, immediate);
            case 1:
                return ImmediateForm(0x07, 3, rd, rs1, doubleOffset);
            case 2:
                return ImmediateForm(0x03, 2, rd, rs1, wordOffset);
            case 3:
                return ImmediateForm(0x03, 3, rd, rs1, doubleOffset);
            case 5:
                return StoreForm(0x27, 3, rs1, rd, doubleOffset);
            case 6:
                return StoreForm(0x23, 2, rs1, rd, wordOffset);
            case 7:
                return StoreForm(0x23, 3, rs1, rd, doubleOffset);
            default:
                return Illegal;
        }
    }

    private static uint Quadrant1(uint c)
    {
        uint rd = Bits(c, 7, 5);
        uint immediate = (uint)(-(int)Bits(c, 12, 1) << 5) | Bits(c, 2, 5);
        switch (Bits(c, 13, 3))
        {
            case 0:
                return ImmediateForm(0x13, 0, rd, rd, immediate);
            case 1:
                return rd == 0 ? Illegal : ImmediateForm(0x1B, 0, rd, rd, immediate);
            case 2:
                return ImmediateForm(0x13, 0, rd, 0, immediate);
            case 3 when rd == StackPointer:
                uint step = (uint)(-(int)Bits(c, 12, 1) << 9)
                    | Bits(c, 6, 1) << 4 | Bits(c, 5, 1) << 6 | Bits(c, 3, 2) << 7 | Bits(c, 2, 1) << 5;
                return step == 0 ? Illegal : ImmediateForm(0x13, 0, StackPointer, StackPointer, step);
            case 3:
                return immediate == 0 ? Illegal : immediate << 12 | rd << 7 | 0x37;
            case 4:
                return Arithmetic(c, immediate);
            case 5:
                return Jump(c);
            case 6:
                return Branch(c, 0);
            default:
                return Branch(c, 1);
        }
    }

    private static uint Arithmetic(uint c, uint immediate)
    {
        uint rd = 8 + Bits(c, 7, 3);
        uint rs2 = 8 + Bits(c, 2, 3);
        switch (Bits(c, 10, 2))
        {
            case 0:
                return ImmediateForm(0x13, 5, rd, rd, immediate & 63);
            case 1:
                return ImmediateForm(0x13, 5, rd, rd, immediate & 63 | 0x400);
            case 2:
                return ImmediateForm(0x13, 7, rd, rd, immediate);
        }

        return (Bits(c, 12, 1) << 2 | Bits(c, 5, 2)) switch
        {
            0 => RegisterForm(0x33, 0, 0x20, rd, rd, rs2),
            1 => RegisterForm(0x33, 4, 0, rd, rd, rs2),
            2 => RegisterForm(0x33, 6, 0, rd, rd, rs2),
            3 => RegisterForm(0x33, 7, 0, rd, rd, rs2),
            4 => RegisterForm(0x3B, 0, 0x20, rd, rd, rs2),
            5 => RegisterForm(0x3B, 0, 0, rd, rd, rs2),
            _ => Illegal,
        };
    }

    private static uint Quadrant2(uint c)
    {
        uint rd = Bits(c, 7, 5);
        uint rs2 = Bits(c, 2, 5);
        uint wordLoad = Bits(c, 12, 1) << 5 | Bits(c, 4, 3) << 2 | Bits(c, 2, 2) << 6;
        uint doubleLoad = Bits(c, 12, 1) << 5 | Bits(c, 5, 2) << 3 | Bits(c, 2, 3) << 6;
        uint wordStore = Bits(c, 9, 4) << 2 | Bits(c, 7, 2) << 6;
        uint doubleStore = Bits(c, 10, 3) << 3 | Bits(c, 7, 3) << 6;
        switch (Bits(c, 13, 3))
        {
            case 0:
                return ImmediateForm(0x13, 1, rd, rd, Bits(c, 12, 1) << 5 | rs2);
            case 1:
                return ImmediateForm(0x07, 3, rd, StackPointer, doubleLoad);
            case 2:
                return rd == 0 ? Illegal : ImmediateForm(0x03, 2, rd, StackPointer, wordLoad);
            case 3:
                return rd == 0 ? Illegal : ImmediateForm(0x03, 3, rd, StackPointer, doubleLoad);
            case 4:
                return JumpOrMove(c, rd, rs2);
            case 5:
                return StoreForm(0x27, 3, StackPointer, rs2, doubleStore);
            case 6:
                return StoreForm(0x23, 2, StackPointer, rs2, wordStore);
            default:
                return StoreForm(0x23, 3, StackPointer, rs2, doubleStore);
        }
    }

    private static uint JumpOrMove(uint c, uint rd, uint rs2)
    {
        if (Bits(c, 12, 1) == 0)
        {
            if (rs2 != 0)
            {
                return RegisterForm(0x33, 0, 0, rd, 0, rs2);
            }

            return rd == 0 ? Illegal : ImmediateForm(0x67, 0, 0, rd, 0);
        }

        if (rs2 != 0)
        {
            return RegisterForm(0x33, 0, 0, rd, rd, rs2);
        }

        return rd == 0 ? 0x00100073 : ImmediateForm(0x67, 0, 1, rd, 0);
    }

    private static uint Jump(uint c)
    {
        uint offset = (uint)(-(int)Bits(c, 12, 1) << 11) | Bits(c, 11, 1) << 4 | Bits(c, 9, 2) << 8 | Bits(c, 8, 1) << 10
            | Bits(c, 7, 1) << 6 | Bits(c, 6, 1) << 7 | Bits(c, 3, 3) << 1 | Bits(c, 2, 1) << 5;
        return Bits(offset, 20, 1) << 31 | Bits(offset, 1, 10) << 21 | Bits(offset, 11, 1) << 20 | Bits(offset, 12, 8) << 12 | 0x6F;
    }

    private static uint Branch(uint c, uint function)
    {
        uint rs1 = 8 + Bits(c, 7, 3);
        uint offset = (uint)(-(int)Bits(c, 12, 1) << 8) | Bits(c, 10, 2) << 3 | Bits(c, 5, 2) << 6 | Bits(c, 3, 2) << 1
            | Bits(c, 2, 1) << 5;
        return Bits(offset, 12, 1) << 31 | Bits(offset, 5, 6) << 25 | rs1 << 15 | function << 12
            | Bits(offset, 1, 4) << 8 | Bits(offset, 11, 1) << 7 | 0x63;
    }

    private static uint Bits(uint value, int low, int count) => value >> low & ((1U << count) - 1);

    private static uint ImmediateForm(uint opcode, uint function, uint rd, uint rs1, uint immediate) =>
        immediate << 20 | rs1 << 15 | function << 12 | rd << 7 | opcode;

    private static uint StoreForm(uint opcode, uint function, uint rs1, uint rs2, uint immediate) =>
        Bits(immediate, 5, 7) << 25 | rs2 << 20 | rs1 << 15 | function << 12 | Bits(immediate, 0, 5) << 7 | opcode;

    private static uint RegisterForm(uint opcode, uint function, uint function7, uint rd, uint rs1, uint rs2) =>
        function7 << 25 | rs2 << 20 | rs1 << 15 | function << 12 | rd << 7 | opcode;
}
