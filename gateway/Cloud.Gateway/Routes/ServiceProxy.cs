using System.Diagnostics;
using System.Net;
using Cloud.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace Cloud.Gateway.Routes;

/// <summary>Sends a call on to the process of its service, and its answer back, both as they come.</summary>
internal sealed partial class ServiceProxy(IHttpForwarder forwarder, TimeProvider time, ILogger<ServiceProxy> log) : IDisposable
{
    /// <summary>Longer than the longest <c>?wait=</c>.</summary>
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromMinutes(10);

    /// <summary>A console may print nothing for a day.</summary>
    private static readonly TimeSpan StreamSilenceLimit = TimeSpan.FromDays(1);

    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private static readonly ForwarderRequestConfig Calls = ConfigOf(SilenceLimit);
    private static readonly ForwarderRequestConfig Streams = ConfigOf(StreamSilenceLimit);

    private readonly ForwardedCall _transform = new();
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = ConnectLimit,
        // The trace goes on as this call's own; what the caller sent of it ends here.
        ActivityHeadersPropagator = new ReverseProxyPropagator(DistributedContextPropagator.Current),
    });

    public async Task SendAsync(HttpContext context, string service, string address, bool stream)
    {
        var started = time.GetTimestamp();
        var error = await forwarder.SendAsync(context, address, _http, stream ? Streams : Calls, _transform, context.RequestAborted);
        if (error is ForwarderError.None or ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled or ForwarderError.ResponseBodyCanceled
            or ForwarderError.UpgradeRequestCanceled or ForwarderError.UpgradeResponseCanceled)
        {
            return;
        }

        var cause = context.Features.Get<IForwarderErrorFeature>()?.Exception;
        if (context.Response.HasStarted || cause is BadHttpRequestException)
        {
            // The caller broke its own body off, or sent too much of it: YARP has chosen the status.
            return;
        }

        LogFailed(log, service, error.ToString(), cause?.Message ?? "", time.GetElapsedTime(started));
        context.Response.Clear();
        throw error == ForwarderError.RequestTimedOut
            ? new CloudException(ErrorKind.Unavailable, "service-timeout", $"The {service} service did not answer in time. Try again.", cause) { RetryAfter = RetryAfter }
            : new CloudException(ErrorKind.Unavailable, "service-unavailable", $"The {service} service does not answer now. Try again.", cause) { RetryAfter = RetryAfter };
    }

    public void Dispose() => _http.Dispose();

    private static ForwarderRequestConfig ConfigOf(TimeSpan silence) => new()
    {
        ActivityTimeout = silence,
        Version = HttpVersion.Version11,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    [LoggerMessage(EventId = 5001, Level = LogLevel.Warning, Message = "A call to {Service} failed after {Elapsed}: {Error} {Reason}")]
    private static partial void LogFailed(ILogger log, string service, string error, string reason, TimeSpan elapsed);
}
