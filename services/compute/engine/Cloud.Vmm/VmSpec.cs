namespace Cloud.Vmm;

/// <summary>All a driver needs to start one virtual machine. Every path is the host's; nothing here comes from a user unchecked.</summary>
public sealed record VmSpec
{
    /// <summary>The identity of the machine: lower-case letters, digits and '-', at most 64; also the name of its folder.</summary>
    public required string Id { get; init; }

    /// <summary>The machine's own folder: state, sockets, logs and disks live in it and it is removed with the machine.</summary>
    public required string Folder { get; init; }

    public required VmArchitecture Architecture { get; init; }

    public required VmEngine Engine { get; init; }

    public required int Vcpus { get; init; }

    public required long MemoryBytes { get; init; }

    /// <summary>Direct kernel boot; null boots the first disk by the board's firmware.</summary>
    public VmKernel? Kernel { get; init; }

    /// <summary>In the order the guest sees them: vda, vdb, …</summary>
    public required IReadOnlyList<VmDisk> Disks { get; init; }

    /// <summary>An ISO 9660 image with the NoCloud seed, as a read-only CD-ROM (never a vd name); null for none.</summary>
    public string? SeedPath { get; init; }

    public IReadOnlyList<VmNic> Nics { get; init; } = [];

    /// <summary>The machine's UUID as its firmware tables show it.</summary>
    public required Guid Uuid { get; init; }

    /// <summary>For the engine <see cref="VmEngine.Container"/> what runs; else null.</summary>
    public VmContainer? Container { get; init; }

    /// <summary>
    /// What a machine of the same processors, memory, image and devices was at one instant: it goes on from there, over disks that hold
    /// what they held then. Null boots.
    /// </summary>
    public VmSavedState? From { get; init; }

    /// <summary>The same, from memory that many machines share until they write to it; not with <see cref="From"/>.</summary>
    public VmTemplate? Template { get; init; }

    /// <summary>Where devices sit on their bus in a machine whose guest this one awaits; null for one that awaits none.</summary>
    public IReadOnlyDictionary<string, string>? AwaitedSlots { get; init; }
}

/// <summary>A kernel to boot directly.</summary>
/// <param name="ImagePath">The kernel's file on the host.</param>
/// <param name="InitrdPath">The initial RAM disk's file, or null.</param>
/// <param name="CommandLine">The kernel's command line.</param>
public sealed record VmKernel(string ImagePath, string? InitrdPath, string CommandLine);

/// <summary>A disk as the guest sees it.</summary>
public sealed record VmDisk
{
    /// <summary>Unique in its machine; also the virtio serial, at most 20 bytes.</summary>
    public required string Serial { get; init; }

    public required string Path { get; init; }

    public required VmDiskFormat Format { get; init; }

    /// <summary>What opens the file where it is encrypted (LUKS in qcow2); null for a plain one.</summary>
    public VmDiskKey? Key { get; init; }

    /// <summary>
    /// The read-only layers below <see cref="Path"/>, nearest first. They are named here and never taken from the file's own header,
    /// so a hostile header opens nothing.
    /// </summary>
    public IReadOnlyList<VmDiskLayer> Backing { get; init; } = [];

    public bool ReadOnly { get; init; }

    /// <summary>
    /// What is written is on the host's disk when it is acknowledged, as of a disk without a cache of its own: there is nothing to flush.
    /// </summary>
    public bool WriteThrough { get; init; }

    /// <summary>The most that it may do a second; null for no limit.</summary>
    public VmDiskLimits? Limits { get; init; }
}

/// <summary>How much a disk may read and write a second, together; null for no limit.</summary>
public sealed record VmDiskLimits(long? OperationsPerSecond, long? BytesPerSecond);

/// <summary>One file of a disk.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Format">How it holds its bytes.</param>
/// <param name="Key">What opens it where it is encrypted; null for a plain one.</param>
public sealed record VmDiskLayer(string Path, VmDiskFormat Format, VmDiskKey? Key = null);

/// <summary>
/// The passphrase of an encrypted file. It is given to programs by a file in memory or a private socket, never as an argument.
/// </summary>
public sealed class VmDiskKey(string passphrase)
{
    public string Passphrase { get; } = passphrase;

    /// <summary>Tells nothing of it.</summary>
    public override string ToString() => nameof(VmDiskKey);
}

/// <summary>How a disk's file holds its bytes. Said by who made the file, never guessed from what is in it.</summary>
public enum VmDiskFormat
{
    Raw = 1,
    Qcow2 = 2,
}

/// <summary>
/// A network interface that joins the host's switch over a pair of Unix datagram sockets, a frame a datagram. They lie in a folder that
/// holds nothing else: its owner becomes the user that the machine's process runs as.
/// </summary>
/// <param name="MacAddress">Six octets, colon-separated.</param>
/// <param name="SwitchSocketPath">The switch's end: where the guest's frames are sent.</param>
/// <param name="GuestSocketPath">The guest's end, bound by the driver: where the switch sends.</param>
public sealed record VmNic(string MacAddress, string SwitchSocketPath, string GuestSocketPath);
