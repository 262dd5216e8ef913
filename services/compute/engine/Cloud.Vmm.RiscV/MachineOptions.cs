namespace Cloud.Vmm.RiscV;

/// <summary>What a board is built from.</summary>
public sealed record MachineOptions
{
    /// <summary>Harts, 1 to <see cref="HartsMax"/>.</summary>
    public int Harts { get; init; } = 1;

    /// <summary>The guest's memory in bytes; whole pages.</summary>
    public ulong MemoryBytes { get; init; } = 128UL << 20;

    /// <summary>What runs first, in machine mode: an ELF, or a binary for the start of memory. OpenSBI's fw_dynamic and fw_jump both do. None runs the kernel at once.</summary>
    public byte[]? Firmware { get; init; }

    /// <summary>A kernel Image, or an ELF.</summary>
    public byte[]? Kernel { get; init; }

    public byte[]? Initrd { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string CommandLine { get; init; } = "";

    /// <summary>All harts on one thread, and time by the count of instructions: the same guest takes the same course every time.</summary>
    public bool Deterministic { get; init; }

    /// <summary>The clock of the RTC.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Gets each byte that the guest writes to its first serial port; on a hart's thread.</summary>
    public Action<byte> Console { get; init; } = static _ => { };

    public const int HartsMax = 8;
}
