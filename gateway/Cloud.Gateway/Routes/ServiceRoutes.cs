using System.Text.Json;
using Cloud.ServiceDefaults;

namespace Cloud.Gateway.Routes;

/// <summary>Which paths are a service's: the file <c>Routes/SERVICE.json</c>.</summary>
internal sealed record ServiceRoutes
{
    private const string Folder = "Routes/";
    private const string Extension = ".json";

    /// <summary>The service's name, from the file's: its document's too, and the key of its URL below <c>Cloud:Services</c>.</summary>
    public string Service { get; private init; } = "";

    /// <summary>Of its document, for the page that lists them.</summary>
    public required string Title { get; init; }

    /// <summary>All paths that start with one of these, segment by segment.</summary>
    public required IReadOnlyList<string> Prefixes { get; init; }

    /// <summary>The patterns below them that take a body of any length.</summary>
    public required IReadOnlyList<string> Uploads { get; init; }

    /// <summary>The patterns below them whose answers may be silent for hours.</summary>
    public required IReadOnlyList<string> Streams { get; init; }

    /// <summary>All services, by name.</summary>
    public static IReadOnlyList<ServiceRoutes> All { get; } = Read();

    private static List<ServiceRoutes> Read()
    {
        var assembly = typeof(ServiceRoutes).Assembly;
        return assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Folder, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name =>
            {
                using var file = assembly.GetManifestResourceStream(name)!;
                var routes = JsonSerializer.Deserialize<ServiceRoutes>(file, JsonDefaults.Options)!;
                return routes with { Service = name[Folder.Length..^Extension.Length] };
            })
            .ToList();
    }
}
