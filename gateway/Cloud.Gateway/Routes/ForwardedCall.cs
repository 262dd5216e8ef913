using System.Diagnostics;
using System.Net;
using Cloud.Gateway.Tokens;
using Cloud.ServiceDefaults.Edge;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace Cloud.Gateway.Routes;

/// <summary>What a service sees of a call: the caller's headers, but who calls and from where is the gateway's word.</summary>
internal sealed class ForwardedCall : HttpTransformer
{
    private const string TraceParent = "traceparent";
    private const string EncodedSlash = "%2F";

    /// <summary>The service reads the path as this server did.</summary>
    private static readonly UriCreationOptions Verbatim = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        if (TargetOf(httpContext) is { } target)
        {
            proxyRequest.RequestUri = new Uri(destinationPrefix.TrimEnd('/') + target, Verbatim);
        }

        var headers = proxyRequest.Headers;
        headers.Remove("Authorization");
        if (httpContext.User is CallerPrincipal { Token.Jwt: var jwt })
        {
            headers.TryAddWithoutValidation("Authorization", jwt);
        }

        if (Activity.Current is { } activity)
        {
            // What the caller sent of its trace is this call's parent; the service's parent is this call. Without an activity the caller's
            // own word, or what CallTrace made, has gone along.
            headers.Remove(TraceParent);
            headers.TryAddWithoutValidation(TraceParent, activity.Id);
        }

        headers.Remove(RequestIds.Header);
        headers.TryAddWithoutValidation(RequestIds.Header, httpContext.TraceIdentifier);
        headers.TryAddWithoutValidation("X-Forwarded-For", AddressOf(httpContext.Connection.RemoteIpAddress));
        headers.TryAddWithoutValidation("X-Forwarded-Proto", httpContext.Request.Scheme);
        headers.TryAddWithoutValidation("X-Forwarded-Host", httpContext.Request.Host.Value);
    }

    /// <summary>
    /// The path as it came, where it has a slash that is encoded: an object's key may. Encoded once more on the way it would be another
    /// key.
    /// </summary>
    private static string? TargetOf(HttpContext context) =>
        context.Request.Path.Value?.Contains(EncodedSlash, StringComparison.OrdinalIgnoreCase) == true
        && context.Features.Get<IHttpRequestFeature>()?.RawTarget is { Length: > 0 } target && target[0] == '/'
            ? target
            : null;

    private static string AddressOf(IPAddress? address) => address is null ? "unknown" : address.ToString();
}
