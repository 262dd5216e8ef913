namespace Cloud.Vmm.RiscV;

/// <summary>What a guest asked the board for.</summary>
/// <param name="Kind">Power off or reset.</param>
/// <param name="Code">The exit code that the test finisher was given; 0 for success.</param>
internal readonly record struct MachineEnd(MachineEndKind Kind, int Code);

internal enum MachineEndKind
{
    PowerOff = 1,
    Reset = 2,
}
