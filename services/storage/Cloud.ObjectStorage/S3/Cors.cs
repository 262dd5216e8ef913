using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.S3.Access;

namespace Cloud.ObjectStorage.S3;

/// <summary>Cross-origin requests, by the rules of the bucket.</summary>
internal static class Cors
{
    /// <summary><c>OPTIONS</c>: what a browser asks before the request itself. Unsigned by its nature.</summary>
    public static async Task PreflightAsync(S3Request request)
    {
        var origin = request.Header("Origin")
            ?? throw S3Error.InvalidRequest.With("Insufficient information. Origin request header needed.");
        var method = request.Header("Access-Control-Request-Method")
            ?? throw S3Error.InvalidRequest.With("Invalid Access-Control-Request-Method: null");
        var bucket = request.BucketName is { } name ? await request.Services.Buckets.FindAsync(name, request.Aborted) : null;
        if (bucket is null)
        {
            throw S3Error.NoSuchBucket.With();
        }

        var asked = (request.Header("Access-Control-Request-Headers") ?? "")
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (Find(bucket, origin, method, asked) is not { } rule)
        {
            throw S3Error.AccessDenied.With("CORSResponse: This CORS request is not allowed.");
        }

        Write(request, rule, origin);
        var headers = request.Http.Response.Headers;
        if (asked.Length > 0)
        {
            headers.AccessControlAllowHeaders = string.Join(", ", asked).ToLowerInvariant();
        }

        await request.AnswerAsync(StatusCodes.Status200OK);
    }

    /// <summary>Lets the page of the request's origin see the answer, where a rule allows it.</summary>
    public static void Apply(S3Request request, Bucket bucket)
    {
        if (bucket.Settings.Cors is not null && request.Header("Origin") is { } origin
            && Find(bucket, origin, request.Header("Access-Control-Request-Method") ?? request.Method, []) is { } rule)
        {
            Write(request, rule, origin);
        }
    }

    private static CorsRule? Find(Bucket bucket, string origin, string method, string[] headers) => bucket.Settings.Cors?.FirstOrDefault(
        rule => rule.Origins.Any(pattern => Wildcard.Matches(pattern, origin)) && rule.Methods.Contains(method)
            && headers.All(header => rule.Headers.Any(pattern => Wildcard.Matches(pattern, header, ignoreCase: true))));

    private static void Write(S3Request request, CorsRule rule, string origin)
    {
        var headers = request.Http.Response.Headers;
        var any = rule.Origins.Contains("*");
        headers.AccessControlAllowOrigin = any ? "*" : origin;
        headers.AccessControlAllowMethods = string.Join(", ", rule.Methods);
        headers.Vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
        if (!any)
        {
            headers.AccessControlAllowCredentials = "true";
        }

        if (rule.ExposeHeaders.Count > 0)
        {
            headers.AccessControlExposeHeaders = string.Join(", ", rule.ExposeHeaders);
        }

        if (rule.MaxAgeSeconds is { } seconds)
        {
            headers.AccessControlMaxAge = $"{seconds}";
        }
    }
}
