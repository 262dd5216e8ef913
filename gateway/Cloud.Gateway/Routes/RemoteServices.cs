namespace Cloud.Gateway.Routes;

/// <summary>A service in another process.</summary>
internal sealed record RemoteService(ServiceRoutes Routes, Uri Address);

/// <summary>The services that this gateway reaches over HTTP; the others are hosted in its own process, or not at all.</summary>
internal sealed class RemoteServices
{
    public RemoteServices(IConfiguration configuration) => All = ServiceRoutes.All
        .Where(routes => !string.IsNullOrEmpty(configuration[KeyOf(routes.Service)]))
        .Select(routes => new RemoteService(routes, AddressOf(routes.Service, configuration[KeyOf(routes.Service)]!)))
        .ToList();

    public IReadOnlyList<RemoteService> All { get; }

    private static string KeyOf(string service) => $"Cloud:Services:{service.Replace("-", "", StringComparison.Ordinal)}";

    private static Uri AddressOf(string service, string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address
            : throw new InvalidOperationException($"The URL of the service {service} is none: '{url}'. It is set by {KeyOf(service)}.");
}
