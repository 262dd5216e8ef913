namespace Cloud.Vmm.Runner.Options;

/// <summary>The command line, read but not yet acted on.</summary>
internal sealed record RunnerOptions
{
    /// <summary>Where Debian has OpenSBI: in the package <c>opensbi</c>, and in <c>qemu-system-data</c>.</summary>
    private static readonly string[] Firmwares =
        ["/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin", "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin"];

    /// <summary>The firmware that boots where none is named.</summary>
    internal static string DefaultFirmware { get; } = Array.Find(Firmwares, File.Exists) ?? Firmwares[0];

    internal string Name { get; set; } = "";

    internal string Uuid { get; set; } = "00000000-0000-0000-0000-000000000000";

    internal int Harts { get; set; } = 1;

    internal ulong MemoryBytes { get; set; } = 128UL << 20;

    internal string? Kernel { get; set; }

    internal string? Initrd { get; set; }

    internal string CommandLine { get; set; } = "";

    /// <summary>The firmware's path; null for none, which runs the kernel in machine mode.</summary>
    internal string? Firmware { get; set; } = DefaultFirmware;

    /// <summary>Whether the guest waits for "cont".</summary>
    internal bool StartStopped { get; set; }

    /// <summary>Whether the process stays, paused, after the guest has powered off.</summary>
    internal bool PauseAtShutdown { get; set; }

    /// <summary>Whether a reset that the guest asks for ends it instead.</summary>
    internal bool ShutdownAtReset { get; set; }

    internal bool Deterministic { get; set; }

    /// <summary>Whether code is translated where the host's processor is one that code is emitted for.</summary>
    internal bool Translate { get; set; } = true;

    /// <summary>Whether the process gives up the system calls that it does not need.</summary>
    internal bool Sandboxed { get; set; } = true;

    /// <summary>The user and group that the process becomes before it opens anything; null to stay what it is.</summary>
    internal uint? RunAs { get; set; }

    /// <summary>The channel of the first serial port.</summary>
    internal string? Serial { get; set; }

    /// <summary>The channels that QMP is spoken on.</summary>
    internal List<string> Monitors { get; } = [];

    internal Dictionary<string, Properties> Channels { get; } = new(StringComparer.Ordinal);

    internal List<(int Set, int Descriptor, string Opaque)> DescriptorSets { get; } = [];

    /// <summary>What a machine that boots nothing goes on from: "defer", or as for migrate-incoming; null for one that boots.</summary>
    internal string? Incoming { get; set; }

    /// <summary>Where a debugger is awaited; null for nowhere.</summary>
    internal string? Debugger { get; set; }

    /// <summary>The trace of instructions that is wanted; null for none.</summary>
    internal Properties? Trace { get; set; }

    /// <summary>The object that is the guest's memory; null for memory of its own.</summary>
    internal string? MemoryObject { get; set; }

    /// <summary>In the order of the line: each after those it stands on.</summary>
    internal List<Properties> Blocks { get; } = [];

    internal Dictionary<string, Properties> Networks { get; } = new(StringComparer.Ordinal);

    internal Dictionary<string, Properties> Objects { get; } = new(StringComparer.Ordinal);

    internal List<Properties> Devices { get; } = [];
}
