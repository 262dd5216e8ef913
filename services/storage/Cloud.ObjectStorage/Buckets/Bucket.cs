using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>A bucket of objects. Its name is unique in the whole cloud, as S3 clients address it by nothing else.</summary>
internal sealed class Bucket : IVersioned
{
    private Bucket()
    {
    }

    public BucketId Id { get; private init; }

    /// <summary>The id of the project that owns it.</summary>
    public string Project { get; private init; } = "";

    /// <summary>That project's name when the bucket was made: what S3 shows as the owner's.</summary>
    public string ProjectName { get; private init; } = "";

    public string Name { get; private init; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels
    {
        get => Labels.FromText(LabelText);
        private set => LabelText = value.Text;
    }

    public Versioning Versioning { get; private set; } = Versioning.Off;

    public BucketSettings Settings { get; private set; } = new();

    public bool Deleted { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public bool IsPublic => Settings.PublicRead;

    public static Bucket Create(
        BucketId id, string project, string projectName, string name, Labels labels, BucketSettings settings, Versioning versioning,
        DateTimeOffset now) => new()
        {
            Id = id,
            Project = project,
            ProjectName = projectName,
            Name = name,
            LabelText = labels.Text,
            Settings = settings,
            Versioning = versioning,
            CreatedAt = now,
            UpdatedAt = now,
        };

    public void Relabel(Labels labels, DateTimeOffset now)
    {
        Labels = labels;
        UpdatedAt = now;
    }

    public void Configure(BucketSettings settings, DateTimeOffset now)
    {
        Settings = settings;
        UpdatedAt = now;
    }

    /// <summary>Once enabled it can be suspended, and never be off again.</summary>
    /// <exception cref="CloudException">The bucket's object lock needs versions.</exception>
    public void SetVersioning(Versioning versioning, DateTimeOffset now)
    {
        if (versioning != Versioning.Enabled && Settings.ObjectLock is not null)
        {
            throw CloudException.Conflict("object-lock", "A bucket with object lock keeps its versioning enabled.");
        }

        Versioning = versioning == Versioning.Off && Versioning != Versioning.Off ? Versioning.Suspended : versioning;
        UpdatedAt = now;
    }

    /// <summary>It has been filled, with versions, and never had any: it is as if versioning had always been off.</summary>
    public void NeverHadVersions(DateTimeOffset now) => (Versioning, UpdatedAt) = (Versioning.Off, now);

    public void Delete(DateTimeOffset now)
    {
        Deleted = true;
        UpdatedAt = now;
    }
}
