using Cloud.Primitives;

namespace Cloud.Compute.Images;

/// <summary>An image as the API shows it.</summary>
public sealed record ImageView
{
    public required ImageId Id { get; init; }

    public required string Name { get; init; }

    public required string Description { get; init; }

    public required Labels Labels { get; init; }

    public required ImageStatus Status { get; init; }

    /// <summary>How far its build is, or why it failed.</summary>
    public required string? StatusReason { get; init; }

    /// <summary>Whether it is the cloud's own, which every project sees.</summary>
    public required bool Public { get; init; }

    public required string Architecture { get; init; }

    /// <summary><c>qcow2</c> or <c>raw</c> for machines, <c>oci</c> for containers; empty until it is built.</summary>
    public required string Format { get; init; }

    /// <summary>The disk's size as a guest sees it.</summary>
    public required long DiskSizeBytes { get; init; }

    public required long MinMemoryBytes { get; init; }

    /// <summary>The kinds of user data it takes: <c>script</c>, <c>cloud-config</c>.</summary>
    public required IReadOnlyList<string> UserData { get; init; }

    /// <summary>Of the disk's bytes as they came; null for the cloud's own.</summary>
    public required string? Sha256 { get; init; }

    /// <summary>Bytes that have come in so far.</summary>
    public required long BytesDone { get; init; }

    /// <summary>Bytes that are to come in; null where it is not known.</summary>
    public required long? BytesTotal { get; init; }

    public required string LoginUser { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    internal static ImageView From(Image image) => new()
    {
        Id = image.Id,
        Name = image.Name,
        Description = image.Description,
        Labels = image.Labels,
        Status = image.Status,
        StatusReason = image.StatusReason,
        Public = image.Project is null,
        Architecture = image.Architecture,
        Format = image.DiskFormat,
        DiskSizeBytes = image.DiskSizeBytes,
        MinMemoryBytes = image.MinMemoryBytes,
        UserData = image.UserData,
        Sha256 = image.Sha256,
        BytesDone = image.BytesDone,
        BytesTotal = image.BytesTotal,
        LoginUser = image.LoginUser,
        CreatedAt = image.CreatedAt,
        UpdatedAt = image.UpdatedAt,
    };
}
