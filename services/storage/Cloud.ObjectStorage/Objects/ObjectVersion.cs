using Cloud.ObjectStorage.Buckets;

namespace Cloud.ObjectStorage.Objects;

/// <summary>
/// One version of an object, or a delete marker. Rows are written by plain SQL (<see cref="Index.IndexTransaction"/>): this class is the
/// table's shape and what a row reads as.
/// </summary>
internal sealed class ObjectVersion
{
    /// <summary>The version id of what was written while versioning was not enabled.</summary>
    public const string NullVersion = "null";

    /// <summary>The bucket's id.</summary>
    public string Bucket { get; init; } = "";

    /// <summary>Ordered by the bytes of its UTF-8.</summary>
    public string Key { get; init; } = "";

    /// <summary>Smaller is newer, so that the table's own order is that of a list of versions.</summary>
    public long Rank { get; init; }

    public string VersionId { get; init; } = "";

    public bool IsLatest { get; init; }

    public bool IsDeleteMarker { get; init; }

    public long SizeBytes { get; init; }

    /// <summary>Without quotes.</summary>
    public string ETag { get; init; } = "";

    /// <summary>The bytes of an object that was put whole; null for one of parts, an empty one and a delete marker.</summary>
    public string? Blob { get; init; }

    /// <summary>The bytes themselves, of a blob that is a row (<see cref="SmallBlob"/>); null where they were not asked for.</summary>
    public byte[]? Bytes { get; init; }

    /// <summary>The upload whose parts are the bytes; null for an object that was put whole.</summary>
    public string? Upload { get; init; }

    /// <summary>UTC ticks.</summary>
    public long ModifiedAt { get; init; }

    /// <summary>The id of the project that wrote it.</summary>
    public string Owner { get; init; } = "";

    /// <summary><see cref="ObjectAttributes"/> as JSON.</summary>
    public string Attributes { get; init; } = "";

    public RetentionMode Retention { get; init; } = RetentionMode.None;

    /// <summary>UTC ticks; 0 for none.</summary>
    public long RetainUntil { get; init; }

    public bool LegalHold { get; init; }
}

/// <summary>A part of a multipart upload, and of the object that it became.</summary>
internal sealed class Part
{
    public const int NumberMax = 10_000;

    public string Upload { get; init; } = "";

    /// <summary>1 to <see cref="NumberMax"/>.</summary>
    public int Number { get; init; }

    public string? Blob { get; init; }

    public long SizeBytes { get; init; }

    /// <summary>Where it begins in the object; -1 until the upload is complete.</summary>
    public long Offset { get; init; }

    public string ETag { get; init; } = "";

    /// <summary>By algorithm, base64; JSON.</summary>
    public string Checksums { get; init; } = "";

    /// <summary>UTC ticks.</summary>
    public long ModifiedAt { get; init; }
}

/// <summary>A multipart upload under way.</summary>
internal sealed class MultipartUpload
{
    public string Id { get; init; } = "";

    public string Bucket { get; init; } = "";

    public string Key { get; init; } = "";

    /// <summary>The id of the project that began it.</summary>
    public string Owner { get; init; } = "";

    /// <summary>UTC ticks.</summary>
    public long CreatedAt { get; init; }

    /// <summary><see cref="ObjectAttributes"/> of the object to be, as JSON.</summary>
    public string Attributes { get; init; } = "";

    public RetentionMode Retention { get; init; } = RetentionMode.None;

    /// <summary>UTC ticks; 0 for none.</summary>
    public long RetainUntil { get; init; }

    public bool LegalHold { get; init; }
}

/// <summary>
/// The bytes of a small object. They are committed with the row that names them: a flush of the disk for a whole batch, where a file of
/// their own would cost two each.
/// </summary>
internal sealed class SmallBlob
{
    /// <summary>The largest that is kept so, as it lies on the disk.</summary>
    public const int BytesMax = 16 * 1024;

    /// <summary>What such a name begins with; those of files are hexadecimal.</summary>
    private const char Mark = 's';

    public string Blob { get; init; } = "";

    public byte[] Bytes { get; init; } = [];

    /// <summary>A name that nothing has; names go up with time, so that rows are added at the table's end.</summary>
    public static string NewName(TimeProvider time) => string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"{Mark}{time.GetUtcNow().UtcTicks:x16}{Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(8))}");

    public static bool Is(string blob) => blob[0] == Mark;
}

/// <summary>A blob that no row holds any more; its file is removed, then this.</summary>
internal sealed class DeadBlob
{
    public string Blob { get; init; } = "";

    /// <summary>UTC ticks. Whoever reads the parts of an object that is gone has until then.</summary>
    public long NotBefore { get; init; }
}

/// <summary>What a bucket holds, counted in the transactions that change it: all versions, delete markers as objects of no bytes.</summary>
internal sealed class BucketUsage
{
    public string Bucket { get; init; } = "";

    public long Objects { get; init; }

    public long SizeBytes { get; init; }
}
