using Cloud.Primitives;

namespace Cloud.BlockStorage.Content;

/// <summary>How a disk's bytes come and go: the query <c>format</c>.</summary>
internal static class ContentFormat
{
    public const string Raw = "raw";

    public const string Qcow2 = "qcow2";

    /// <exception cref="CloudException">It is neither.</exception>
    public static bool IsQcow2(string? format) => format switch
    {
        null or Raw => false,
        Qcow2 => true,
        _ => throw CloudException.Invalid("format", "Expected raw or qcow2."),
    };
}
