using System.IO.Compression;

namespace Cloud.Oci;

/// <summary>How a layer is compressed (image-spec, layer.md), by the end of its media type.</summary>
internal static class LayerCompression
{
    /// <exception cref="OciException">It is not known here.</exception>
    public static Stream Open(Stream blob, string? mediaType)
    {
        if (mediaType is null || mediaType.EndsWith(".tar", StringComparison.Ordinal))
        {
            return blob;
        }

        if (mediaType.EndsWith("gzip", StringComparison.Ordinal))
        {
            return new GZipStream(blob, CompressionMode.Decompress);
        }

        blob.Dispose();
        throw new OciException("A layer is compressed in a way that is not known here; gzip and none are.");
    }
}
