using Microsoft.Extensions.DependencyInjection;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>HTTP clients that call other processes of the cloud.</summary>
public static class ServiceKeyClient
{
    /// <summary>Has the client prove itself by the service key on every call. Its base address must be one of the cloud's own.</summary>
    public static IHttpClientBuilder AddServiceKey(this IHttpClientBuilder client)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.AddHttpMessageHandler(services => new ServiceKeyHeader(services.GetRequiredService<ServiceKey>()));
    }

    /// <summary>The same for one process that listens on a Unix socket.</summary>
    public static HttpClient CreateAt(Uri unixAddress, ServiceKey key) =>
        new(new ServiceKeyHeader(key) { InnerHandler = UnixAddress.HandlerTo(unixAddress) })
        {
            BaseAddress = UnixAddress.BaseOf(unixAddress),
        };
}

internal sealed class ServiceKeyHeader(ServiceKey key) : DelegatingHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.TryAddWithoutValidation("Authorization", key.Header);
        return base.SendAsync(request, cancellationToken);
    }
}
