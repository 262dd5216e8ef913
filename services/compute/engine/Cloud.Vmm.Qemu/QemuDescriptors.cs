namespace Cloud.Vmm.Qemu;

/// <summary>
/// The numbers, in QEMU's process, of all that it was given open. It opens no file by a path that its user would need the right to
/// walk: neither the data folder nor the cache has to be readable for it.
/// </summary>
internal sealed record QemuDescriptors
{
    /// <summary>Listening Unix sockets.</summary>
    public required int Qmp { get; init; }

    public required int Console { get; init; }

    public required int Agent { get; init; }

    /// <summary>Files to append to.</summary>
    public required int ConsoleLog { get; init; }

    public required int BootReport { get; init; }

    public int? Kernel { get; init; }

    public int? Initrd { get; init; }

    public int? Seed { get; init; }

    /// <summary>What it goes on from.</summary>
    public int? State { get; init; }

    /// <summary>The file that is the guest's memory.</summary>
    public int? Memory { get; init; }

    /// <summary>Of each disk, its own file first and then its layers, nearest first.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> Disks { get; init; }

    /// <summary>The passphrases of encrypted files, by their nodes.</summary>
    public IReadOnlyDictionary<string, int> Keys { get; init; } = new Dictionary<string, int>();

    /// <summary>Of each interface, the folders that hold the guest's socket and the switch's.</summary>
    public IReadOnlyList<(int Guest, int Switch)> NicFolders { get; init; } = [];
}
