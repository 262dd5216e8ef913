namespace Cloud.Vmm.RiscV.Isa;

/// <summary>Turns encodings into instructions by <see cref="InstructionTable"/>; compressed ones are expanded first.</summary>
internal static class Decoder
{
    /// <summary>
    /// Decodes the instruction that starts at the lowest bits of the encoding; only the low 16 are looked at where it is compressed.
    /// </summary>
    internal static Instruction Decode(uint raw)
    {
        if ((raw & 3) == 3)
        {
            return DecodeFull(raw, 4, raw);
        }

        uint half = raw & 0xFFFF;
        return DecodeFull(Rv64C.Expand(half), 2, half);
    }

    private static Instruction DecodeFull(uint code, byte length, uint raw)
    {
        byte rd = (byte)(code >> 7 & 31);
        byte rs1 = (byte)(code >> 15 & 31);
        byte rs2 = (byte)(code >> 20 & 31);
        foreach (InstructionEntry entry in InstructionTable.Bucket(code))
        {
            if ((code & entry.Mask) != entry.Match)
            {
                continue;
            }

            byte rounding = (byte)(code >> 12 & 7);
            if (entry.Format is Format.R4 or Format.RFloat && rounding is 5 or 6)
            {
                break;
            }

            return new Instruction(entry.Op, rd, rs1, rs2, (byte)(code >> 27), rounding, ImmediateOf(entry.Format, code), length, raw);
        }

        return new Instruction(Op.Illegal, 0, 0, 0, 0, 0, 0, length, raw);
    }

    private static int ImmediateOf(Format format, uint code)
    {
        int signed = (int)code;
        return format switch
        {
            Format.I => signed >> 20,
            Format.Shift => (int)(code >> 20 & 63),
            Format.Csr => (int)(code >> 20),
            Format.S => signed >> 25 << 5 | (int)(code >> 7 & 31),
            Format.B => signed >> 31 << 12 | (int)(code >> 7 & 1) << 11 | (int)(code >> 25 & 63) << 5 | (int)(code >> 8 & 15) << 1,
            Format.U => (int)(code & 0xFFFFF000),
            Format.J => signed >> 31 << 20 | (int)(code >> 12 & 0xFF) << 12 | (int)(code >> 20 & 1) << 11 | (int)(code >> 21 & 0x3FF) << 1,
            _ => 0,
        };
    }
}
