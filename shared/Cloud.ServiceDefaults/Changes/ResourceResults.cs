using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Changes;

/// <summary>The answers that carry one resource, with its ETag.</summary>
public static class ResourceResults
{
    /// <summary>200, or 304 where the caller's <c>If-None-Match</c> names this version.</summary>
    public static IResult Ok<TView>(HttpContext context, TView view, long version)
    {
        ArgumentNullException.ThrowIfNull(context);
        var tag = IfMatch.TagOf(version);
        context.Response.Headers.ETag = tag;
        return context.Request.Headers.IfNoneMatch.Contains(tag) && HttpMethods.IsGet(context.Request.Method)
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : TypedResults.Json(view, JsonDefaults.Options);
    }

    /// <summary>The same, of a view that was written before.</summary>
    public static IResult Ok(HttpContext context, byte[] json, string tag)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Response.Headers.ETag = tag;
        return context.Request.Headers.IfNoneMatch.Contains(tag)
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : TypedResults.Bytes(json, "application/json; charset=utf-8");
    }

    /// <summary>201 with <c>Location</c>.</summary>
    public static IResult Created<TView>(HttpContext context, string location, TView view, long version)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Response.Headers.ETag = IfMatch.TagOf(version);
        context.Response.Headers.Location = location;
        return TypedResults.Json(view, JsonDefaults.Options, statusCode: StatusCodes.Status201Created);
    }

    /// <summary>202: the work goes on.</summary>
    public static IResult Accepted<TView>(HttpContext context, TView view, long version)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Response.Headers.ETag = IfMatch.TagOf(version);
        return TypedResults.Json(view, JsonDefaults.Options, statusCode: StatusCodes.Status202Accepted);
    }
}
