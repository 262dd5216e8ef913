using System.Globalization;
using System.Text;

namespace Cloud.ObjectStorage.S3.Logging;

/// <summary>A request as a line ("Amazon S3 server access log format"); a dash stands for what there is not.</summary>
internal static class AccessLogLine
{
    private const int TextLengthMax = 1024;

    private static readonly Dictionary<string, string> Resources = new(StringComparer.Ordinal)
    {
        ["accelerate"] = "ACCELERATE",
        ["acl"] = "ACL",
        ["attributes"] = "OBJECT_ATTRIBUTES",
        ["cors"] = "CORS",
        ["delete"] = "MULTI_OBJECT_DELETE",
        ["encryption"] = "ENCRYPTION",
        ["legal-hold"] = "LEGALHOLD",
        ["lifecycle"] = "LIFECYCLE",
        ["location"] = "LOCATION",
        ["logging"] = "LOGGING_STATUS",
        ["notification"] = "NOTIFICATION",
        ["object-lock"] = "OBJECT_LOCK_CONFIGURATION",
        ["ownershipControls"] = "OWNERSHIP_CONTROLS",
        ["policy"] = "BUCKETPOLICY",
        ["policyStatus"] = "BUCKETPOLICY_STATUS",
        ["publicAccessBlock"] = "PUBLIC_ACCESS_BLOCK",
        ["retention"] = "OBJECT_LOCK_RETENTION",
        ["tagging"] = "TAGGING",
        ["uploads"] = "UPLOADS",
        ["versioning"] = "VERSIONING",
        ["versions"] = "BUCKETVERSIONS",
        ["website"] = "WEBSITE",
    };

    public static string Of(S3Request request, string? error, TimeSpan took, DateTimeOffset at)
    {
        var http = request.Http;
        var bucket = request.Bucket!;
        var query = request.RawQuery.Length > 0 ? "?" + request.RawQuery : "";
        var signed = !request.Caller.IsAnonymous;
        var milliseconds = ((long)took.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        var sent = http.Response.ContentLength is { } length and > 0 && request.Method != "HEAD"
            ? length.ToString(CultureInfo.InvariantCulture)
            : "-";
        var size = request.Key is not null && request.Method == "PUT" ? http.Request.ContentLength : http.Response.ContentLength;
        string[] fields =
        [
            bucket.Project, bucket.Name, at.UtcDateTime.ToString("'['dd/MMM/yyyy:HH:mm:ss +0000']'", CultureInfo.InvariantCulture),
            http.Connection.RemoteIpAddress?.ToString() ?? "-", signed ? request.Caller.Project : "-", request.RequestId,
            Operation(request), request.Key is null ? "-" : S3Uri.Encode(request.Key, keepSlash: true),
            Quoted($"{request.Method} {request.RawPath}{query} {http.Request.Protocol}"),
            http.Response.StatusCode.ToString(CultureInfo.InvariantCulture), error ?? "-", sent,
            request.Key is null ? "-" : size?.ToString(CultureInfo.InvariantCulture) ?? "-", milliseconds, milliseconds,
            Quoted(request.Header("Referer")), Quoted(request.Header("User-Agent")), request.Query["versionId"] is { } id ? Plain(id) : "-",
            request.RequestId, signed ? "SigV4" : "-", "-",
            !signed ? "-" : request.Header("Authorization") is null ? "QueryString" : "AuthHeader", Plain(request.Host), "-", "-", "-",
        ];
        return string.Join(' ', fields) + "\n";
    }

    private static string Operation(S3Request request)
    {
        if (request.IsWebsite)
        {
            return $"WEBSITE.{request.Method}.OBJECT";
        }

        var resource = request.Query.Has("uploadId")
            ? request.Method == "PUT" ? "PART" : "UPLOAD"
            : request.Query.All.Select(pair => Resources.GetValueOrDefault(pair.Key)).FirstOrDefault(name => name is not null)
                ?? (request.Key is null ? "BUCKET" : "OBJECT");
        var copies = resource is "OBJECT" or "PART" && request.Method == "PUT" && request.Header("x-amz-copy-source") is not null;
        return $"REST.{(copies ? "COPY" : request.Method)}.{resource}";
    }

    /// <summary>What a client wrote, so that it can end neither the field nor the line.</summary>
    private static string Quoted(string? text) => string.IsNullOrEmpty(text) ? "\"-\"" : $"\"{Plain(text, ' ')}\"";

    private static string Plain(string text, char space = '+')
    {
        var plain = new StringBuilder(Math.Min(text.Length, TextLengthMax));
        foreach (var c in text.AsSpan(0, Math.Min(text.Length, TextLengthMax)))
        {
            plain.Append(c switch
            {
                ' ' => space,
                < ' ' or '"' or '\x7f' => '?',
                _ => c,
            });
        }

        return plain.ToString();
    }
}
