using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3;

namespace Cloud.ObjectStorage.Index;

/// <summary>What must hold of the newest version for a write to take place; checked in the transaction that writes.</summary>
/// <param name="IfMatch">The ETag that it must have, or <c>*</c>.</param>
/// <param name="IfNoneMatch">The ETag that it must not have, or <c>*</c>: there must be none.</param>
internal sealed record WriteConditions(string? IfMatch, string? IfNoneMatch)
{
    public static WriteConditions None { get; } = new(null, null);

    /// <exception cref="S3Exception">It does not hold.</exception>
    public void Require(ObjectVersion? latest)
    {
        var there = latest is { IsDeleteMarker: false } ? latest : null;
        if (IfNoneMatch is not null && there is not null && (IfNoneMatch == "*" || IfNoneMatch == there.ETag))
        {
            throw S3Error.PreconditionFailed.With(null, ("Condition", "If-None-Match"));
        }

        if (IfMatch is null)
        {
            return;
        }

        if (there is null)
        {
            throw S3Error.NoSuchKey.With();
        }

        if (IfMatch != "*" && IfMatch != there.ETag)
        {
            throw S3Error.PreconditionFailed.With(null, ("Condition", "If-Match"));
        }
    }
}

/// <summary>What must hold for a delete to take place.</summary>
internal sealed record DeleteConditions(string? IfMatch = null, long? LastModified = null, long? SizeBytes = null)
{
    public static DeleteConditions None { get; } = new(null, null, null);

    /// <exception cref="S3Exception">It does not hold.</exception>
    public void Require(ObjectVersion? version)
    {
        if (version is null or { IsDeleteMarker: true })
        {
            // Deleting what is not there succeeds, but not where the caller expects something.
            if (IfMatch is not null and not "*")
            {
                throw S3Error.NoSuchKey.With();
            }

            return;
        }

        var seconds = version.ModifiedAt / TimeSpan.TicksPerSecond;
        if ((IfMatch is not null and not "*" && IfMatch != version.ETag)
            || (LastModified is { } at && at / TimeSpan.TicksPerSecond != seconds)
            || (SizeBytes is { } size && size != version.SizeBytes))
        {
            throw S3Error.PreconditionFailed.With(null, ("Condition", "If-Match"));
        }
    }
}
