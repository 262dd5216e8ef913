namespace Cloud.Compute.Host.Contracts;

/// <summary>What a processor of a guest was at one moment. Numbers of 64 bits are hexadecimal, with <c>0x</c> before.</summary>
public sealed record GuestHart
{
    public required int Id { get; init; }

    /// <summary><c>machine</c>, <c>supervisor</c> or <c>user</c>.</summary>
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
    public GuestPageWalk? Walk { get; init; }
}

/// <summary>A walk through a processor's page tables, permissions aside.</summary>
/// <param name="Address">The virtual address.</param>
/// <param name="Scheme"><c>bare</c>, <c>sv39</c> or <c>sv48</c>.</param>
/// <param name="Steps">The entries that were read, from the root's on.</param>
/// <param name="Physical">Where it leads; null where it ends before.</param>
public sealed record GuestPageWalk(string Address, string Scheme, IReadOnlyList<GuestPageWalkStep> Steps, string? Physical);

/// <summary>An entry of a page table.</summary>
/// <param name="Level">Of its table; 0 is the last.</param>
/// <param name="At">Its physical address.</param>
/// <param name="Entry">What it holds.</param>
public sealed record GuestPageWalkStep(int Level, string At, string Entry);
