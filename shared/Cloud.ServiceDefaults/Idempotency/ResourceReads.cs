using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Cloud.ServiceDefaults.Idempotency;

/// <summary>
/// Makes the answer to a call anew where it got lost, by reading the resource as it is now: that of a create by the id in the row, that of
/// an action or change by the call's own path.
/// </summary>
internal sealed class ResourceReads(EndpointDataSource endpoints)
{
    private readonly Lazy<Dictionary<string, RouteEndpoint>> _reads = new(() => endpoints.Endpoints.OfType<RouteEndpoint>()
        .Where(endpoint => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is ["GET"])
        .GroupBy(endpoint => Normal(endpoint.RoutePattern.RawText ?? ""))
        .ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal));

    /// <param name="route">The pattern of the call's own route.</param>
    /// <returns>Null where no such resource can be read.</returns>
    public async Task<IdempotentAnswer?> AnswerAsync(HttpContext context, string route, IEnumerable<string> made)
    {
        var method = context.Request.Method;
        var pattern = Normal(route);
        if (HttpMethods.IsPost(method) && _reads.Value.TryGetValue($"{pattern}/{{id}}", out var read))
        {
            return await CreatedAsync(context, read, made);
        }

        // An action stands below its resource: /v1/instances/{id}/start.
        var resource = HttpMethods.IsPost(method) && pattern.LastIndexOf('/') is > 0 and var slash ? pattern[..slash] : pattern;
        if (!_reads.Value.TryGetValue(resource, out read))
        {
            return HttpMethods.IsDelete(method) ? Gone : null;
        }

        var now = await ReadAsync(context, read);
        if (now.Status == StatusCodes.Status404NotFound)
        {
            return HttpMethods.IsDelete(method) ? Gone : null;
        }

        var settled = context.Request.Query.ContainsKey("wait") || HttpMethods.IsPatch(method) || HttpMethods.IsPut(method);
        return now.Succeeded ? now with { Status = settled ? StatusCodes.Status200OK : StatusCodes.Status202Accepted } : null;
    }

    private static IdempotentAnswer Gone => new(StatusCodes.Status204NoContent, null, null, null, []);

    private static async Task<IdempotentAnswer?> CreatedAsync(HttpContext context, RouteEndpoint read, IEnumerable<string> made)
    {
        var path = context.Request.Path.Value!.TrimEnd('/');
        foreach (var id in made)
        {
            context.Request.RouteValues["id"] = id;
            var now = await ReadAsync(context, read);
            if (now.Succeeded)
            {
                return now with { Status = StatusCodes.Status201Created, Location = $"{path}/{id}" };
            }
        }

        return null;
    }

    private static async Task<IdempotentAnswer> ReadAsync(HttpContext context, RouteEndpoint read)
    {
        var method = context.Request.Method;
        context.Request.Method = HttpMethods.Get;
        context.Response.StatusCode = StatusCodes.Status200OK;
        try
        {
            return await IdempotentAnswer.CaptureAsync(context, read.RequestDelegate!);
        }
        catch (Cloud.Primitives.CloudException refusal) when (refusal.Kind == Cloud.Primitives.ErrorKind.NotFound)
        {
            return Gone with { Status = StatusCodes.Status404NotFound };
        }
        finally
        {
            context.Request.Method = method;
        }
    }

    private static string Normal(string route) => "/" + route.Trim('/');
}
