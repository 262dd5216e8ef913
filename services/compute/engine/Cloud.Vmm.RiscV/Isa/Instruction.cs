namespace Cloud.Vmm.RiscV.Isa;

/// <summary>A decoded instruction.</summary>
/// <param name="Op">What it does.</param>
/// <param name="Rd">The destination, 0 to 31.</param>
/// <param name="Rs1">The first source, or the immediate of Csrrwi and its kin.</param>
/// <param name="Rs2">The second source.</param>
/// <param name="Rs3">The third source of the fused operations.</param>
/// <param name="Rounding">The rounding mode field.</param>
/// <param name="Immediate">The immediate, sign-extended; a shift amount; a CSR's number.</param>
/// <param name="Length">2 or 4 bytes.</param>
/// <param name="Raw">The encoding as it stands in memory, two or four bytes.</param>
internal readonly record struct Instruction(
    Op Op, byte Rd, byte Rs1, byte Rs2, byte Rs3, byte Rounding, int Immediate, byte Length, uint Raw);
