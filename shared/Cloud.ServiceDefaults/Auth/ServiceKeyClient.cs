using Microsoft.AspNetCore.Builder;
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

    /// <summary>
    /// Registers what asks another service over HTTP, where that is in a process of its own: where configuration says at which address
    /// (<c>Cloud:Services:SERVICE</c>).
    /// </summary>
    /// <param name="make">Makes it of what gives a client.</param>
    /// <param name="limit">How long a call may take; null where its caller's own limit ends it, as it may carry bytes without end.</param>
    public static WebApplicationBuilder AddCallsTo<TContract>(
        this WebApplicationBuilder builder, string service, Func<Func<HttpClient>, TContract> make, TimeSpan? limit = null)
        where TContract : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (builder.Configuration[$"Cloud:Services:{service}"] is { Length: > 0 } address)
        {
            var name = typeof(TContract).FullName!;
            builder.Services.AddHttpClient(name, client =>
            {
                client.BaseAddress = new Uri(address);
                client.Timeout = limit ?? Timeout.InfiniteTimeSpan;
            }).AddServiceKey();
            builder.Services.AddSingleton(
                provider => make(() => provider.GetRequiredService<IHttpClientFactory>().CreateClient(name)));
        }

        return builder;
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
