using System.Net;
using System.Text;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Objects;

namespace Cloud.ObjectStorage.S3;

/// <summary>
/// A bucket as a web site, at <c>http://BUCKET.website.localhost:9000</c> ("Hosting a static website"): anybody's, read only, with an
/// index document for each folder, and pages instead of XML. What the bucket does not show to anybody it does not show here.
/// </summary>
internal static class Website
{
    public static async Task ServeAsync(S3Request request)
    {
        try
        {
            await PageAsync(request);
        }
        catch (S3Exception refusal) when (refusal.Error.Status != StatusCodes.Status304NotModified && !request.Http.Response.HasStarted)
        {
            await AnswerAsync(request, refusal);
        }
    }

    private static async Task PageAsync(S3Request request)
    {
        if (request.Method is not ("GET" or "HEAD"))
        {
            throw S3Error.MethodNotAllowed.With();
        }

        var bucket = await request.RequireBucketAsync();
        var rules = bucket.Settings.Website ?? throw S3Error.NoSuchWebsite.With(null, ("BucketName", bucket.Name));
        var asked = request.Key ?? "";
        if (rules.RedirectAll is { } all)
        {
            await RedirectAsync(request, all, asked, null);
            return;
        }

        if (RouteOf(rules, asked, null) is { } route)
        {
            await RedirectAsync(request, route.Redirect, asked, route.KeyPrefix);
            return;
        }

        var isFolder = asked.Length == 0 || asked.EndsWith('/');
        try
        {
            await GetObject.HandleAsync(request.AtPage(isFolder ? asked + rules.IndexSuffix : asked));
        }
        catch (S3Exception refusal) when (refusal.Error.Status is StatusCodes.Status403Forbidden or StatusCodes.Status404NotFound)
        {
            if (!isFolder && await IsThereAsync(request, bucket, $"{asked}/{rules.IndexSuffix}"))
            {
                request.Http.Response.Headers.Location = $"/{S3Uri.Encode(asked, keepSlash: true)}/";
                await request.AnswerAsync(StatusCodes.Status302Found);
                return;
            }

            await FailAsync(request, rules, asked, refusal);
        }
    }

    private static async Task FailAsync(S3Request request, WebsiteRules rules, string asked, S3Exception refusal)
    {
        if (RouteOf(rules, asked, refusal.Error.Status) is { } route)
        {
            await RedirectAsync(request, route.Redirect, asked, route.KeyPrefix);
            return;
        }

        if (rules.ErrorKey is not { } page)
        {
            throw refusal;
        }

        // The page is sent whole, whatever the client has of what it asked for.
        foreach (var name in new[] { "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since" })
        {
            request.Headers.Remove(name);
        }

        request.Http.Response.StatusCode = refusal.Error.Status;
        try
        {
            await GetObject.HandleAsync(request.AtPage(page));
        }
        catch (S3Exception) when (!request.Http.Response.HasStarted)
        {
            throw refusal;
        }
    }

    private static async Task<bool> IsThereAsync(S3Request request, Bucket bucket, string key) =>
        await request.Services.FindAsync(bucket, key, null, request.Aborted) is { IsDeleteMarker: false } there
        && AccessRules.Allows(
            request, bucket,
            new AccessQuestion(
                "s3:GetObject", key, AclPermission.Read, ObjectAttributes.FromJson(there.Attributes).Grants, Owner: there.Owner));

    private static WebsiteRoute? RouteOf(WebsiteRules rules, string key, int? status) => rules.Routes.FirstOrDefault(
        route => route.ErrorStatus == status && key.StartsWith(route.KeyPrefix ?? "", StringComparison.Ordinal));

    private static Task RedirectAsync(S3Request request, WebsiteRedirect to, string asked, string? prefix)
    {
        var key = to.Key ?? (to.KeyPrefix is { } other ? other + asked[(prefix ?? "").Length..] : asked);
        var protocol = to.Protocol ?? (request.Http.Request.IsHttps ? "https" : "http");
        request.Http.Response.Headers.Location =
            $"{protocol}://{to.HostName ?? request.Host}/{S3Uri.Encode(key, keepSlash: true)}{(to.Key is null && request.RawQuery.Length > 0
                ? "?" + request.RawQuery : "")}";
        return request.AnswerAsync(to.Status ?? StatusCodes.Status301MovedPermanently);
    }

    private static async Task AnswerAsync(S3Request request, S3Exception refusal)
    {
        var title = $"{refusal.Error.Status} {WebUtility.HtmlEncode(refusal.Error.Code)}";
        var page = Encoding.UTF8.GetBytes(
            $"<!doctype html>\n<html><head><meta charset=\"utf-8\"><title>{title}</title></head>\n"
            + $"<body><h1>{title}</h1><p>{WebUtility.HtmlEncode(refusal.Message)}</p><p>Request {request.RequestId}</p></body></html>\n");
        var response = request.Http.Response;
        foreach (var name in new[] { "Content-Range", "Content-Encoding", "Content-Disposition", "ETag", "Last-Modified" })
        {
            response.Headers.Remove(name);
        }

        response.StatusCode = refusal.Error.Status;
        response.ContentType = "text/html; charset=utf-8";
        response.ContentLength = page.Length;
        if (request.Method != "HEAD")
        {
            await response.Body.WriteAsync(page, request.Aborted);
        }
    }
}
