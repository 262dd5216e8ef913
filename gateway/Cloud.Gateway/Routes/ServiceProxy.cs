using System.Diagnostics;
using System.Net;
using System.Text;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Telemetry;
using Yarp.ReverseProxy.Forwarder;

namespace Cloud.Gateway.Routes;

/// <summary>Sends a call on to the process of its service, and its answer back, both as they come.</summary>
internal sealed partial class ServiceProxy(
    IHttpForwarder forwarder, IConfiguration configuration, TimeProvider time, ILogger<ServiceProxy> log) : IDisposable
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
        // As this server and those of the services read them.
        RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
        ResponseHeaderEncodingSelector = (_, _) => Encoding.UTF8,
        // A span of its own for the way to the service costs a tenth of the call: only where somebody collects spans. ForwardedCall passes
        // the trace on in any case.
        ActivityHeadersPropagator = TelemetrySetup.Exports(configuration)
            ? new ReverseProxyPropagator(DistributedContextPropagator.Current)
            : null,
    });

    public async Task SendAsync(HttpContext context, string service, string address, bool stream)
    {
        var started = time.GetTimestamp();
        var error = await forwarder.SendAsync(context, address, _http, stream ? Streams : Calls, _transform, context.RequestAborted);
        if (error is ForwarderError.None or ForwarderError.RequestCanceled or ForwarderError.RequestBodyCanceled
            or ForwarderError.ResponseBodyCanceled or ForwarderError.UpgradeRequestCanceled or ForwarderError.UpgradeResponseCanceled)
        {
            return;
        }

        var cause = context.Features.Get<IForwarderErrorFeature>()?.Exception;
        if (context.Response.HasStarted)
        {
            return;
        }

        if (CallersFault(cause) is { } bad)
        {
            // It broke its own body off, or sent too much of it.
            throw new BadHttpRequestException(bad.Message, bad.StatusCode, bad);
        }

        LogFailed(log, service, error.ToString(), cause?.Message ?? "", time.GetElapsedTime(started));
        context.Response.Clear();
        var (code, what) = error == ForwarderError.RequestTimedOut
            ? ("service-timeout", "did not answer in time")
            : ("service-unavailable", "does not answer now");
        throw new CloudException(ErrorKind.Unavailable, code, $"The {service} service {what}. Try again.", cause)
        {
            RetryAfter = RetryAfter,
        };
    }

    public void Dispose() => _http.Dispose();

    private static BadHttpRequestException? CallersFault(Exception? cause) => cause switch
    {
        BadHttpRequestException bad => bad,
        AggregateException several => several.Flatten().InnerExceptions.OfType<BadHttpRequestException>().FirstOrDefault(),
        _ => null,
    };

    private static ForwarderRequestConfig ConfigOf(TimeSpan silence) => new()
    {
        ActivityTimeout = silence,
        Version = HttpVersion.Version11,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    [LoggerMessage(EventId = 5001, Level = LogLevel.Warning, Message = "A call to {Service} failed after {Elapsed}: {Error} {Reason}")]
    private static partial void LogFailed(ILogger log, string service, string error, string reason, TimeSpan elapsed);
}
