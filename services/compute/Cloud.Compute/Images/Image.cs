using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Compute.Images;

/// <summary>
/// What instances are made from: a disk, and for a direct boot a kernel. Its files are a folder that never changes once active.
/// </summary>
internal sealed class Image : IVersioned
{
    /// <summary>The format of images that containers are made of.</summary>
    public const string ContainerFormat = "oci";

    private const string AwaitsUpload = "Its content is still to be sent: PUT /v1/images/{id}/content.";

    private Image()
    {
    }

    public ImageId Id { get; private init; }

    /// <summary>The project that made it; null for the cloud's own, which every project sees.</summary>
    public string? Project { get; private init; }

    public string Name { get; private set; } = "";

    public string Description { get; private set; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels
    {
        get => Labels.FromText(LabelText);
        private set => LabelText = value.Text;
    }

    public ImageStatus Status { get; private set; }

    public string? StatusReason { get; private set; }

    /// <summary>The hash of the recipe that built it; null where it was uploaded or imported.</summary>
    public string? Recipe { get; private set; }

    /// <summary><c>x86_64</c> or <c>riscv64</c>.</summary>
    public string Architecture { get; private set; } = "";

    /// <summary>The folder of its files on the hosts; null until active.</summary>
    public string? Folder { get; private set; }

    public string Disk { get; private set; } = "";

    public string DiskFormat { get; private set; } = "";

    /// <summary>Whether containers are made of it, and not machines.</summary>
    public bool IsContainer => DiskFormat == ContainerFormat;

    /// <summary>The disk's size as a guest sees it.</summary>
    public long DiskSizeBytes { get; private set; }

    public string? Kernel { get; private set; }

    public string? Initrd { get; private set; }

    public string CommandLine { get; private set; } = "";

    public long MinMemoryBytes { get; private set; }

    /// <summary>The kinds of user data it takes: <c>script</c>, <c>cloud-config</c>.</summary>
    public IReadOnlyList<string> UserData { get; private set; } = [];

    public bool BootReport { get; private set; }

    public bool GuestAgent { get; private set; }

    public string LoginUser { get; private set; } = "";

    /// <summary>Where an imported disk comes from, a URL or a registry's image; null where it is uploaded or built.</summary>
    public string? SourceUrl { get; private init; }

    /// <summary>What the disk's bytes must hash to, and then what they do; null where nobody said.</summary>
    public string? Sha256 { get; private set; }

    /// <summary>Bytes that have come in so far.</summary>
    public long BytesDone { get; private set; }

    /// <summary>Bytes that are to come in; null where it is not known.</summary>
    public long? BytesTotal { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    /// <summary>
    /// An image of the cloud's own, whose recipe is still to be carried out. Its name says which architecture it will be of, and whether
    /// containers are made of it.
    /// </summary>
    public static Image FromRecipe(ImageId id, string name, string recipe, DateTimeOffset now) => new()
    {
        Id = id,
        Name = name,
        Recipe = recipe,
        Architecture = name.EndsWith("-riscv64", StringComparison.Ordinal) ? "riscv64" : "x86_64",
        DiskFormat = name.EndsWith("-container", StringComparison.Ordinal) ? ContainerFormat : "",
        Status = ImageStatus.Building,
        CreatedAt = now,
        UpdatedAt = now,
    };

    /// <summary>An image of a project's own, whose disk is still to come.</summary>
    public static Image Imported(ImageId id, string project, CreateImageRequest request, string? source, DateTimeOffset now) => new()
    {
        Id = id,
        Project = project,
        Name = request.Name,
        Description = request.Description ?? "",
        LabelText = new Labels(request.Labels ?? new Dictionary<string, string>()).Text,
        Status = ImageStatus.Importing,
        StatusReason = source is null ? AwaitsUpload : null,
        Architecture = request.Architecture,
        DiskFormat = request.Format,
        MinMemoryBytes = request.MinMemoryBytes.Bytes,
        UserData = request.UserData ?? [],
        GuestAgent = request.GuestAgent,
        LoginUser = request.LoginUser ?? "",
        SourceUrl = source,
        Sha256 = request.Sha256?.ToLowerInvariant(),
        CreatedAt = now,
        UpdatedAt = now,
    };

    /// <exception cref="CloudException">It is not the project's, or its disk has come already.</exception>
    public void RequireAwaitingUpload(string project)
    {
        if (Project != project || Status != ImageStatus.Importing || SourceUrl is not null)
        {
            throw CloudException.Conflict("wrong-status", $"Image '{Name}' does not wait for an upload.");
        }
    }

    public void Progresses(long bytesDone, long? bytesTotal, DateTimeOffset now)
    {
        BytesDone = bytesDone;
        BytesTotal = bytesTotal;
        Enter(
            ImageStatus.Importing,
            bytesTotal is { } total and > 0 ? $"{100 * bytesDone / total} % imported." : $"{bytesDone >> 20} MiB imported.", now);
    }

    /// <summary>Its disk has come and was checked.</summary>
    public void IsImported(ImageDisk disk, string folder, DateTimeOffset now)
    {
        Folder = folder;
        Disk = disk.File;
        DiskSizeBytes = disk.SizeBytes;
        Sha256 = disk.Sha256;
        BytesDone = disk.FileBytes;
        BytesTotal = disk.FileBytes;
        Enter(ImageStatus.Active, null, now);
    }

    public void Rename(string name, DateTimeOffset now)
    {
        Name = name;
        UpdatedAt = now;
    }

    public void Relabel(Labels labels, DateTimeOffset now)
    {
        Labels = labels;
        UpdatedAt = now;
    }

    public void IsDeleted(DateTimeOffset now) => Enter(ImageStatus.Deleted, null, now);

    /// <summary>The recipe's files have changed: it is built anew. Instances made before keep the files they were made from.</summary>
    public void Rebuilds(string recipe, DateTimeOffset now)
    {
        Recipe = recipe;
        Enter(ImageStatus.Building, null, now);
    }

    public void Progresses(string? progress, DateTimeOffset now) => Enter(ImageStatus.Building, progress, now);

    public void Fails(string reason, DateTimeOffset now) => Enter(ImageStatus.Failed, reason, now);

    /// <summary>Its files are there and are what the manifest says.</summary>
    public void IsBuilt(ImageManifest manifest, string folder, DateTimeOffset now)
    {
        Description = manifest.Description ?? "";
        Architecture = manifest.Architecture;
        Folder = folder;
        Disk = manifest.Disk;
        DiskFormat = manifest.DiskFormat;
        DiskSizeBytes = manifest.DiskSizeBytes;
        Kernel = manifest.Kernel;
        Initrd = manifest.Initrd;
        CommandLine = manifest.CommandLine ?? "";
        MinMemoryBytes = manifest.MinMemoryBytes;
        UserData = manifest.UserData;
        BootReport = manifest.BootReport;
        GuestAgent = manifest.GuestAgent;
        LoginUser = manifest.LoginUser ?? "";
        Enter(ImageStatus.Active, null, now);
    }

    private void Enter(ImageStatus status, string? reason, DateTimeOffset now)
    {
        Status = status;
        StatusReason = reason;
        UpdatedAt = now;
    }
}
