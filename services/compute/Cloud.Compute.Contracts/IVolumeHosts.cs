namespace Cloud.Compute.Contracts;

/// <summary>
/// The hosts as block storage uses them: they hold the volumes' bytes and plug volumes into instances. In this process, or over HTTP in the
/// compute service's own. Every call is idempotent; a refusal is a <c>CloudException</c>.
/// </summary>
public interface IVolumeHosts
{
    /// <summary>A host for a new volume.</summary>
    Task<VolumeHost> ChooseAsync(CancellationToken ct);

    /// <summary>A host that a volume of another can go to.</summary>
    /// <param name="named">Its name or id; null for any that is in use.</param>
    /// <exception cref="Primitives.CloudException">There is none.</exception>
    Task<VolumeHost> ChooseOtherAsync(string from, string? named, CancellationToken ct);

    /// <summary>The hosts that are to hold nothing.</summary>
    Task<IReadOnlyList<string>> ListDrainedAsync(CancellationToken ct);

    /// <summary>
    /// Copies a volume that no instance has to another host, with its snapshots: both have it then, and the first writes nothing to it any
    /// more.
    /// </summary>
    Task CopyToAsync(string host, string volume, string to, CancellationToken ct);

    /// <summary>A volume that was to be copied stays: its host writes to it again.</summary>
    Task KeepAsync(string host, string volume, CancellationToken ct);

    /// <summary>A volume and its snapshots are another host's for good: this one forgets them.</summary>
    Task ForgetAsync(string host, string volume, CancellationToken ct);

    /// <summary>Makes a volume on its host, or grows it; an instance that has it sees the new size at once. Never shrinks.</summary>
    Task PutAsync(HostedVolume volume, CancellationToken ct);

    /// <summary>Removes a volume from its host; refused while an instance has it.</summary>
    Task DeleteAsync(string host, string volume, CancellationToken ct);

    /// <summary>The volumes that a host has, and the instances that have them.</summary>
    Task<IReadOnlyList<HeldVolume>> ListAsync(string host, CancellationToken ct);

    /// <summary>
    /// Keeps what volumes of one host hold now, all at one instant. Where a running instance has them, and its guest's agent answers, its
    /// file systems are frozen meanwhile.
    /// </summary>
    /// <param name="host">Where they are.</param>
    /// <param name="snapshots">
    /// The ids of the snapshots by their volumes' ids; all of one instance, or of none. The instance's own id stands for its root disk,
    /// whose snapshots go with it.
    /// </param>
    /// <param name="ct">Heeded until it begins.</param>
    Task<IReadOnlyList<HostedSnapshot>> SnapshotAsync(string host, IReadOnlyDictionary<string, string> snapshots, CancellationToken ct);

    /// <summary>Removes a snapshot from its host; volumes made of it stay.</summary>
    Task DeleteSnapshotAsync(string host, string snapshot, CancellationToken ct);

    /// <summary>Brings a volume back to a snapshot of it; refused while an instance has it.</summary>
    Task RestoreAsync(string host, string volume, string snapshot, CancellationToken ct);

    /// <summary>
    /// Bytes that a snapshot holds, or a volume that no instance has. Whoever asks disposes of the stream; one that ends early has failed.
    /// </summary>
    Task<Stream> ReadContentAsync(string host, string source, long offset, long lengthBytes, CancellationToken ct);

    /// <summary>Writes bytes of a volume that no instance has, durable when this ends.</summary>
    Task WriteContentAsync(string host, string volume, long offset, Stream content, CancellationToken ct);

    /// <summary>
    /// The blocks from an offset on that a snapshot may hold otherwise than another; of one alone, those that were ever written.
    /// </summary>
    Task<HostedExtents> ListExtentsAsync(string host, string snapshot, string? since, long offset, int countMax, CancellationToken ct);

    /// <summary>Keeps bytes of a qcow2 file that is to become a volume's content, from where those before end, or before.</summary>
    Task StageAsync(string host, string volume, long offset, Stream content, CancellationToken ct);

    /// <summary>Checks the staged file and writes what it holds to the volume, a part a call.</summary>
    /// <param name="fileBytes">The file's whole length.</param>
    /// <param name="from">Where the last call ended; at first 0.</param>
    /// <returns>Where to go on; null where it is done.</returns>
    Task<long?> ImportAsync(string host, string volume, long fileBytes, long from, CancellationToken ct);

    /// <summary>What a volume takes on its host, and what its instance reads and writes.</summary>
    Task<HostedVolumeMetrics> ReadMetricsAsync(string host, string volume, CancellationToken ct);

    /// <summary>
    /// Makes an image of the project's, whose disk compute then fetches from block storage. A name that is taken is refused.
    /// </summary>
    Task<VolumeImage> CreateImageAsync(NewVolumeImage image, CancellationToken ct);

    /// <summary>Has the keys of encrypted volumes wrapped by a new master key, on every host.</summary>
    Task RotateMasterKeysAsync(CancellationToken ct);

    /// <summary>The master keys of all hosts.</summary>
    Task<IReadOnlyList<HostMasterKey>> ReadMasterKeysAsync(CancellationToken ct);

    /// <summary>An image that the project may use, by name or id; null where there is none that is ready.</summary>
    Task<VolumeImage?> FindImageAsync(string project, string image, CancellationToken ct);

    /// <summary>An instance of the project by id; null where there is none.</summary>
    Task<VolumeInstance?> FindInstanceAsync(string project, string instance, CancellationToken ct);

    /// <summary>Gives an instance a volume of its host: at once where it runs, and at every start.</summary>
    Task PlugAsync(PluggedVolume volume, CancellationToken ct);

    /// <summary>Takes a volume from an instance; done where the instance is gone.</summary>
    /// <param name="force">A guest that does not let go is reset and loses it; else that is refused.</param>
    Task UnplugAsync(string instance, string volume, bool force, CancellationToken ct);
}

/// <summary>A host that holds volumes.</summary>
public sealed record VolumeHost(string Name);

/// <summary>A volume on a host. Where it is made: blank, or as what one of three sources holds.</summary>
/// <param name="SizeBytes">As a guest sees it.</param>
/// <param name="Image">The id of an image.</param>
/// <param name="Snapshot">The id of a snapshot on the same host.</param>
/// <param name="Source">The id of a volume on the same host.</param>
public sealed record HostedVolume(
    string Host, string Volume, long SizeBytes, string? Image = null, string? Snapshot = null, string? Source = null)
{
    /// <summary>What is written to it is encrypted on the host's disk.</summary>
    public bool Encrypted { get; init; }

    /// <summary>A plain file, not qcow2; only where it is blank.</summary>
    public bool Raw { get; init; }

    /// <summary>Of a raw one: what is written is on the host's disk when it is acknowledged.</summary>
    public bool WriteThrough { get; init; }
}

/// <summary>A snapshot on a host.</summary>
/// <param name="FileSystemsFrozen">The guest had written everything down when it was taken.</param>
public sealed record HostedSnapshot(string Id, string Volume, long SizeBytes, bool FileSystemsFrozen);

/// <summary>Extents in the order of their offsets.</summary>
/// <param name="NextOffset">Where the next page starts; null after the last.</param>
public sealed record HostedExtents(IReadOnlyList<HostedExtent> Extents, long? NextOffset);

/// <summary>Bytes that lie together, in whole blocks of 64 KiB.</summary>
public sealed record HostedExtent(long Offset, long LengthBytes);

/// <summary>An image that a volume can be made of.</summary>
/// <param name="SizeBytes">The least that the volume must have.</param>
public sealed record VolumeImage(string Id, string Name, long SizeBytes);

/// <summary>An instance that a volume can be attached to.</summary>
/// <param name="Host">Where it is; null before it was placed.</param>
/// <param name="Goes">It is being deleted.</param>
public sealed record VolumeInstance(string Id, string? Host, bool Goes);

/// <summary>A volume that an instance shall have.</summary>
/// <param name="Host">The volume's.</param>
/// <param name="OperationsPerSecond">The most reads and writes a second; null for no limit.</param>
/// <param name="BytesPerSecond">The same as bytes; null for no limit.</param>
public sealed record PluggedVolume(
    string Instance, string Host, string Volume, bool ReadOnly, long? OperationsPerSecond = null, long? BytesPerSecond = null);

/// <summary>What a volume takes on its host, and what its instance reads and writes since it has it.</summary>
/// <param name="StoredBytes">What all of its files take on the disk; some may be shared with others.</param>
/// <param name="Layers">How many files a read may pass through.</param>
/// <param name="Disk">Null while no running instance has it.</param>
public sealed record HostedVolumeMetrics(long StoredBytes, int Layers, HostedDiskMetrics? Disk);

/// <summary>Counters since the instance has the disk. Seconds divided by operations are the latency.</summary>
public sealed record HostedDiskMetrics(
    long ReadBytes, long ReadOperations, double ReadSeconds, long WrittenBytes, long WriteOperations, double WriteSeconds,
    long FlushOperations, double FlushSeconds);

/// <summary>An image to make of what a snapshot holds, or a volume that no instance has.</summary>
/// <param name="Source">The id of the snapshot or the volume.</param>
public sealed record NewVolumeImage(
    string Project, string Source, string Name, string? Description, string Architecture, bool GuestAgent, string? LoginUser,
    IReadOnlyList<string>? UserData, IReadOnlyDictionary<string, string>? Labels);

/// <summary>A volume as its host has it.</summary>
/// <param name="Instance">The instance whose guest has it, running or not; null for none.</param>
public sealed record HeldVolume(string Volume, string? Instance);

/// <summary>What the keys of a host's encrypted volumes are wrapped by.</summary>
/// <param name="MasterKey">64 hexadecimal digits, as a line of the host's file has them.</param>
public sealed record HostMasterKey(string Host, string MasterKey);
