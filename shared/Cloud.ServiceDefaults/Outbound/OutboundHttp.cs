using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Cloud.Primitives;
using Microsoft.Extensions.Options;

namespace Cloud.ServiceDefaults.Outbound;

/// <summary>
/// Calls URLs that users gave. The address is judged when it is connected to, after names are resolved and redirects followed, so neither
/// a name that points inwards nor one that changes between look-up and call gets through.
/// </summary>
public sealed class OutboundHttp : IDisposable
{
    private const int RedirectsMax = 5;
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(15);

    /// <summary>The networks of the cloud's own guests.</summary>
    private static readonly IPNetwork GuestNetwork = IPNetwork.Parse("10.80.0.0/20");

    private static readonly IPNetwork[] Closed =
    [
        IPNetwork.Parse("0.0.0.0/8"), IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("224.0.0.0/3"),
        IPNetwork.Parse("::/127"), IPNetwork.Parse("fe80::/10"), IPNetwork.Parse("ff00::/8"), GuestNetwork,
    ];

    private readonly HashSet<string> _allowed;
    private readonly HttpClient _http;

    public OutboundHttp(IOptions<OutboundOptions> options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _allowed = options.Value.Allow.ToHashSet(StringComparer.Ordinal);
        _http = CreateClient();
    }

    /// <summary>
    /// A client for who speaks more than GET. The caller bounds the time; a refused address is the inner exception of an
    /// <see cref="HttpRequestException"/>.
    /// </summary>
    public HttpClient CreateClient() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = true,
        MaxAutomaticRedirections = RedirectsMax,
        UseProxy = false,
        UseCookies = false,
        ConnectTimeout = ConnectLimit,
        ConnectCallback = ConnectAsync,
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>The answer once its headers are there. The caller bounds the time.</summary>
    /// <exception cref="CloudException">The address is closed to users' URLs, or nobody answers there.</exception>
    public async Task<HttpResponseMessage> GetAsync(Uri url, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        return await SendAsync(request, ct);
    }

    /// <summary>As <see cref="GetAsync"/>, of any request.</summary>
    /// <exception cref="CloudException">The address is closed to users' URLs, or nobody answers there.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        }
        catch (HttpRequestException failed) when (failed.InnerException is CloudException refused)
        {
            throw refused;
        }
        catch (HttpRequestException failed)
        {
            throw CloudException.Conflict("url-unreachable", $"{request.RequestUri?.Host} could not be reached: {failed.Message}");
        }
    }

    public void Dispose() => _http.Dispose();

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var port = context.DnsEndPoint.Port;
        IPAddress[] addresses = IPAddress.TryParse(context.DnsEndPoint.Host.Trim('[', ']'), out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, ct);
        var open = addresses.Where(address => IsOpen(address, port)).ToArray();
        if (open.Length == 0)
        {
            throw CloudException.Conflict("url-not-allowed", $"{context.DnsEndPoint.Host} is an address that users' URLs do not reach.");
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(open, port, ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private bool IsOpen(IPAddress address, int port)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _allowed.Contains(new IPEndPoint(plain, port).ToString())
            || (!Array.Exists(Closed, network => network.Contains(plain)) && !IsOwn(plain));
    }

    /// <summary>An address of one of this host's interfaces.</summary>
    private static bool IsOwn(IPAddress address) => NetworkInterface.GetAllNetworkInterfaces()
        .SelectMany(one => one.GetIPProperties().UnicastAddresses).Any(own => own.Address.Equals(address));
}
