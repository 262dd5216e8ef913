namespace Cloud.Vmm.RiscV.Isa;

/// <summary>How an encoding holds its operands (unprivileged manual 2.3), with the variants that only differ in the immediate.</summary>
internal enum Format : byte
{
    /// <summary>rd, rs1, rs2.</summary>
    R,

    /// <summary>rd, rs1, rs2, rs3, rounding mode.</summary>
    R4,

    /// <summary>rd, rs1, rs2, rounding mode.</summary>
    RFloat,

    /// <summary>rd, rs1, a signed immediate of 12 bits.</summary>
    I,

    /// <summary>rd, rs1, a shift amount of 6 bits (5 where the table's mask fixes the sixth).</summary>
    Shift,

    /// <summary>rd, rs1 (or its immediate), the number of a CSR.</summary>
    Csr,

    /// <summary>rs1, rs2, a signed immediate of 12 bits in two parts.</summary>
    S,

    /// <summary>rs1, rs2, a branch offset.</summary>
    B,

    /// <summary>rd and the upper 20 bits.</summary>
    U,

    /// <summary>rd and a jump offset.</summary>
    J,
}
