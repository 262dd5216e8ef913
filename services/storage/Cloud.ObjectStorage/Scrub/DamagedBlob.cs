namespace Cloud.ObjectStorage.Scrub;

/// <summary>
/// A blob whose bytes are not what was written, found by the scrubber. It is set aside, and the object that needs it answers
/// <c>InvalidObjectState</c> until it is written anew or deleted.
/// </summary>
internal sealed class DamagedBlob
{
    /// <summary>What the name of a small blob begins with that was set aside.</summary>
    public const string AsidePrefix = "damaged-";

    public string Blob { get; init; } = "";

    /// <summary>The bucket's id.</summary>
    public string Bucket { get; init; } = "";

    public string Key { get; init; } = "";

    public string VersionId { get; init; } = "";

    /// <summary>Of an object of parts; null of one that was put whole.</summary>
    public int? Part { get; init; }

    public string Reason { get; init; } = "";

    /// <summary>UTC ticks.</summary>
    public long FoundAt { get; init; }
}

/// <summary>How far the scrubber is: one row.</summary>
internal sealed class ScrubPosition
{
    public int Id { get; init; } = 1;

    /// <summary>The blob that was read last, in the order of the table: bucket, key, rank, part.</summary>
    public string Bucket { get; set; } = "";

    public string Key { get; set; } = "";

    public long Rank { get; set; }

    public int Part { get; set; }

    /// <summary>UTC ticks; when this pass over everything began.</summary>
    public long StartedAt { get; set; }

    /// <summary>UTC ticks; when the pass before ended, 0 for never.</summary>
    public long FinishedAt { get; set; }
}
