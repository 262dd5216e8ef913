using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Cloud.ServiceDefaults.Edge;

/// <summary>How much of a request is taken. More is answered with 413, 414 or 431.</summary>
public static class BodyLimits
{
    /// <summary>User data of 1 MiB as a JSON string fits, its line breaks escaped.</summary>
    public const long BodyBytesMax = 1536 * 1024;

    private const int HeadersBytesMax = 32 * 1024;
    private const int HeadersMax = 100;
    private const int RequestLineBytesMax = 16 * 1024;

    public static void Apply(KestrelServerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.AddServerHeader = false;
        options.Limits.MaxRequestBodySize = BodyBytesMax;
        options.Limits.MaxRequestHeadersTotalSize = HeadersBytesMax;
        options.Limits.MaxRequestHeaderCount = HeadersMax;
        options.Limits.MaxRequestLineSize = RequestLineBytesMax;
    }
}
