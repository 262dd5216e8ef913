using Cloud.Primitives;

namespace Cloud.BlockStorage.Volumes;

/// <summary>How large a volume may be.</summary>
internal static class VolumeSize
{
    private const long BytesMin = 1 << 20;
    private const long BytesMax = 16L << 40;
    private const long Step = 1 << 20;

    /// <summary>In whole mebibytes, rounded up.</summary>
    /// <exception cref="CloudException">It is too small or too large.</exception>
    public static long Require(long sizeBytes) => sizeBytes is >= BytesMin and <= BytesMax
        ? (sizeBytes + Step - 1) / Step * Step
        : throw CloudException.Invalid("sizeBytes", $"Expected {BytesMin} (1 MiB) to {BytesMax} (16 TiB).");
}
