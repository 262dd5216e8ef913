using Cloud.Primitives;

namespace Cloud.Identity.Tokens;

/// <summary>When a new token or access key ends: at a time, or after so many seconds; never, where neither is said.</summary>
internal static class Expiry
{
    private static readonly TimeSpan LifetimeMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LifetimeMax = TimeSpan.FromDays(3660);

    public static DateTimeOffset? Of(DateTimeOffset? expiresAt, long? expiresIn, DateTimeOffset now, FieldErrors errors)
    {
        errors.Require(expiresAt is null || expiresIn is null, "expiresIn", "Give expiresAt or expiresIn, not both.");
        var inRange = expiresIn is null || (expiresIn >= LifetimeMin.TotalSeconds && expiresIn <= LifetimeMax.TotalSeconds);
        errors.Require(inRange, "expiresIn", $"Expected 1 to {LifetimeMax.TotalSeconds} seconds.");
        errors.Require(
            expiresAt is not { } end || (end >= now + LifetimeMin && end <= now + LifetimeMax),
            "expiresAt",
            "Expected a time that is to come, at most ten years ahead.");
        return expiresAt ?? (inRange && expiresIn is { } seconds ? now + TimeSpan.FromSeconds(seconds) : null);
    }
}
