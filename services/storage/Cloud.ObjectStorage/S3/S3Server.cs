using System.Net;
using System.Text;
using Cloud.Persistence;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Cloud.ObjectStorage.S3;

/// <summary>
/// The S3 endpoint: a web server of its own, as the protocol shares nothing with the REST API but the port's owner. Keys may be
/// <c>a/../b</c>, headers any bytes, bodies terabytes; none of it may pass the API's pipeline.
/// </summary>
internal sealed partial class S3Server(
    S3Application application, IServiceProvider services, IOptions<ObjectStorageOptions> options, ILoggerFactory loggers)
    : IHostedService, IDisposable
{
    private const int HeadersBytesMax = 64 * 1024;
    private const int RequestLineBytesMax = 16 * 1024;

    private readonly ILogger _log = loggers.CreateLogger<S3Server>();
    private KestrelServer? _server;

    /// <summary>Where it listens.</summary>
    public Uri Address { get; private set; } = new("http://127.0.0.1");

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var kestrel = new KestrelServerOptions { ApplicationServices = services, AddServerHeader = false };
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MaxRequestHeadersTotalSize = HeadersBytesMax;
        kestrel.Limits.MaxRequestLineSize = RequestLineBytesMax;

        // Metadata is bytes: each becomes a character and the same byte again, whatever encoding its user has in mind.
        kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.Listen(new IPEndPoint(options.Value.S3Address, options.Value.S3Port));
        _server = new KestrelServer(
            Options.Create(kestrel), new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers), loggers);
        await _server.StartAsync(application, cancellationToken);
        Address = new Uri(_server.Features.Get<IServerAddressesFeature>()!.Addresses.First());
        LogListening(_log, Address);
    }

    public Task StopAsync(CancellationToken cancellationToken) => _server?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public void Dispose() => _server?.Dispose();

    [LoggerMessage(EventId = 7000, Level = LogLevel.Information, Message = "The S3 endpoint listens on {Address}")]
    private static partial void LogListening(ILogger log, Uri address);
}

/// <summary>Takes each request to its operation, and makes an error document of whatever fails.</summary>
internal sealed partial class S3Application(S3Services services, ILogger<S3Application> log) : IHttpApplication<HttpContext>
{
    private const int IdBytes = 8;
    private const int StatusClientClosed = 499;

    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    public void DisposeContext(HttpContext context, Exception? exception)
    {
    }

    public async Task ProcessRequestAsync(HttpContext context)
    {
        var id = Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(IdBytes));
        var response = context.Response;
        response.Headers["x-amz-request-id"] = id;
        response.Headers["x-amz-id-2"] = id;
        var began = services.Time.GetTimestamp();
        S3Request? request = null;
        string? error = null;
        try
        {
            request = S3Request.Parse(context, services, id);
            await S3Router.DispatchAsync(request);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            if (!response.HasStarted)
            {
                response.StatusCode = StatusClientClosed;
            }
        }
        catch (OperationCanceledException) when (response.HasStarted)
        {
            // The client has gone, and the server has yet to be told.
            context.Abort();
        }
        catch (Exception failed) when (response.HasStarted)
        {
            // Half an answer is out: only cutting the connection tells the client that it is not whole.
            LogCut(log, failed, context.Request.Method);
            context.Abort();
        }
        catch (Exception failed)
        {
            var refusal = Refusal(failed, context.Request.Method);
            error = refusal.Error.Code;
            await AnswerAsync(context, refusal, id);
        }
        finally
        {
            if (request?.Bucket?.Settings.AccessLog is not null)
            {
                services.AccessLogs.Add(request, error, services.Time.GetElapsedTime(began));
            }
        }
    }

    private S3Exception Refusal(Exception failed, string method)
    {
        switch (failed)
        {
            case S3Exception refusal:
                return refusal;
            case Primitives.CloudException { Code: "quota-exceeded" } quota:
                return S3Error.QuotaExceeded.With(quota.Message);
            case Primitives.CloudException { Kind: Primitives.ErrorKind.Unavailable } away:
                return S3Error.ServiceUnavailable.With(away.Message);
            case Primitives.CloudException { Kind: Primitives.ErrorKind.NotFound } gone:
                return S3Error.NoSuchBucket.With(gone.Message);
            case Primitives.CloudException { Kind: Primitives.ErrorKind.Conflict } conflict:
                return S3Error.InvalidBucketState.With(conflict.Message);
            case Primitives.CloudException other:
                return S3Error.InvalidRequest.With(other.Message);
            case Microsoft.AspNetCore.Http.BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest }:
                return S3Error.IncompleteBody.With();
            case Microsoft.AspNetCore.Http.BadHttpRequestException bad:
                return S3Error.InvalidRequest.With(bad.Message);
        }

        if (failed.IsDiskFull())
        {
            return S3Error.InsufficientCapacity.With();
        }

        if (failed.IsDatabaseUnavailable())
        {
            return S3Error.ServiceUnavailable.With();
        }

        LogFailed(log, failed, method);
        return S3Error.InternalError.With();
    }

    private static async Task AnswerAsync(HttpContext context, S3Exception refusal, string id)
    {
        var response = context.Response;
        response.StatusCode = refusal.Error.Status;
        foreach (var name in new[] { "Content-Length", "Content-Type", "Content-Encoding", "Content-Range", "Content-Disposition" })
        {
            response.Headers.Remove(name);
        }

        if (context.Request.Headers.Expect.Count > 0)
        {
            // Whether the client sends its body after a refusal is its choice (RFC 9110 §10.1.1): on this connection nobody could tell it
            // from the next request.
            response.Headers.Connection = "close";
        }

        if (refusal.Error.Status == StatusCodes.Status304NotModified)
        {
            return;
        }

        var xml = new S3Xml().Open("Error").Element("Code", refusal.Error.Code).Element("Message", refusal.Message);
        foreach (var (name, value) in refusal.Details)
        {
            xml.Element(name, value);
        }

        xml.Element("Resource", context.Request.Path.Value ?? "").Element("RequestId", id).Element("HostId", id).Close("Error");
        var bytes = Encoding.UTF8.GetBytes(xml.ToString());
        response.ContentType = S3Xml.ContentType;
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }

        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    [LoggerMessage(EventId = 7002, Level = LogLevel.Error, Message = "A {Method} request failed")]
    private static partial void LogFailed(ILogger log, Exception failure, string method);

    [LoggerMessage(EventId = 7003, Level = LogLevel.Warning, Message = "The answer to a {Method} request was cut")]
    private static partial void LogCut(ILogger log, Exception failure, string method);
}
