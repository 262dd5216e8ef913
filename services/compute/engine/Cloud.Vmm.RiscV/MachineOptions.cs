using Cloud.Vmm.RiscV.Boot;
using Cloud.Vmm.RiscV.Devices.Virtio;
using Cloud.Vmm.RiscV.Jit;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV;

/// <summary>What a board is built from.</summary>
internal sealed record MachineOptions
{
    /// <summary>Harts, 1 to <see cref="HartsMax"/>.</summary>
    internal int Harts { get; init; } = 1;

    /// <summary>The guest's memory in bytes; whole pages.</summary>
    internal ulong MemoryBytes { get; init; } = 128UL << 20;

    /// <summary>
    /// What runs first, in machine mode: an ELF, or a binary for the start of memory. OpenSBI's fw_dynamic and fw_jump both do. None runs
    /// the kernel at once.
    /// </summary>
    internal BootImage? Firmware { get; init; }

    /// <summary>A kernel Image, or an ELF.</summary>
    internal BootImage? Kernel { get; init; }

    internal BootImage? Initrd { get; init; }

    /// <summary>The file that is the guest's memory; null for memory of the machine's own.</summary>
    internal MemoryBacking? Memory { get; init; }

    /// <summary>Whether the machine is made for a state to be loaded into it: nothing is booted before its first reset.</summary>
    internal bool AwaitsState { get; init; }

    /// <summary>The kernel's command line.</summary>
    internal string CommandLine { get; init; } = "";

    /// <summary>All harts on one thread, and time by the count of instructions: the same guest takes the same course every time.</summary>
    internal bool Deterministic { get; init; }

    /// <summary>Whether code is translated for the host's processor. The guest's course is the same with and without.</summary>
    internal bool Translate { get; init; } = TranslatedCode.IsSupported;

    /// <summary>The clock of the RTC.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Gets each byte that the guest writes to its first serial port; on a hart's thread.</summary>
    internal Action<byte> Console { get; init; } = static _ => { };

    /// <summary>
    /// The virtio devices, given the board's memory, in the order that a guest finds them; null leaves a slot empty. At most sixteen.
    /// </summary>
    internal IReadOnlyList<Func<GuestRam, VirtioDevice>?> Virtio { get; init; } = [];

    internal const int HartsMax = 8;
}
