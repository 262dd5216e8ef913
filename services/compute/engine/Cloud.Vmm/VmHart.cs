namespace Cloud.Vmm;

/// <summary>What a processor of a guest is at one moment. Numbers of 64 bits are hexadecimal, with <c>0x</c> before.</summary>
public sealed record VmHart
{
    public required int Id { get; init; }

    /// <summary>machine, supervisor or user.</summary>
    public required string Mode { get; init; }

    public required string Pc { get; init; }

    /// <summary>The instruction at <see cref="Pc"/> as text; null where none can be fetched there.</summary>
    public string? Instruction { get; init; }

    /// <summary>Whether it waits for an interrupt.</summary>
    public required bool Waiting { get; init; }

    /// <summary>Instructions since the machine's start.</summary>
    public required long Retired { get; init; }

    /// <summary>By the names of the calling convention.</summary>
    public required IReadOnlyDictionary<string, string> Registers { get; init; }

    public required IReadOnlyDictionary<string, string> Csrs { get; init; }

    /// <summary>How it translates the address that was asked for; null where none was.</summary>
    public VmPageWalk? Walk { get; init; }
}

/// <summary>A walk through a hart's page tables, permissions aside.</summary>
/// <param name="Address">The virtual address.</param>
/// <param name="Scheme">bare, sv39 or sv48.</param>
/// <param name="Steps">The entries that are read, from the root's on.</param>
/// <param name="Physical">Where it leads; null where it ends before.</param>
public sealed record VmPageWalk(string Address, string Scheme, IReadOnlyList<VmPageWalkStep> Steps, string? Physical);

/// <summary>An entry of a page table.</summary>
/// <param name="Level">Of its table; 0 is the last.</param>
/// <param name="At">Its physical address.</param>
/// <param name="Entry">What it holds.</param>
public sealed record VmPageWalkStep(int Level, string At, string Entry);
