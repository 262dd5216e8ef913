using Microsoft.Extensions.Configuration;

namespace Cloud.ServiceDefaults;

/// <summary>The variables that move a cloud, as configuration: <c>CLOUD_DATA</c> is <c>Cloud:Data</c>, and so on.</summary>
public static class CloudEnvironment
{
    private static readonly (string Variable, string Key)[] Variables =
    [
        ("CLOUD_PROFILE", "Cloud:Profile"),
        ("CLOUD_DATA", "Cloud:Data"),
        ("CLOUD_CACHE", "Cloud:Cache"),
        ("CLOUD_HTTP_PORT", "Cloud:HttpPort"),
        ("CLOUD_S3_PORT", "Cloud:S3Port"),
        ("CLOUD_POSTGRES", "Cloud:Postgres"),
        ("CLOUD_RABBITMQ", "Cloud:RabbitMq"),
        ("CLOUD_SERVICE_KEY_FILE", "Cloud:ServiceKeyFile"),
        ("CLOUD_IDENTITY_URL", "Cloud:Services:Identity"),
        ("CLOUD_COMPUTE_URL", "Cloud:Services:Compute"),
        ("CLOUD_OBJECT_STORAGE_URL", "Cloud:Services:ObjectStorage"),
        ("CLOUD_BLOCK_STORAGE_URL", "Cloud:Services:BlockStorage"),
        ("CLOUD_DATABASE_URL", "Cloud:Services:Database"),
        ("CLOUD_BACKUP_URL", "Cloud:Services:Backup"),
        ("CLOUD_IMAGE_RECIPES", "Cloud:Images:Recipes"),
    ];

    /// <summary>Adds the variables that are set, and the defaults of the rest.</summary>
    public static void Add(IConfigurationManager configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var set = new Dictionary<string, string?>();
        foreach (var (variable, key) in Variables)
        {
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value)
            {
                set[key] = value;
            }
        }

        configuration.AddInMemoryCollection(set);
        var data = Path.GetFullPath(configuration["Cloud:Data"] ?? ".cloud");
        var defaults = new Dictionary<string, string?>
        {
            ["Cloud:Profile"] = configuration["Cloud:Profile"] ?? "local",
            ["Cloud:Data"] = data,
            ["Cloud:Cache"] = Path.GetFullPath(configuration["Cloud:Cache"] ?? DefaultCache()),
            ["Cloud:HttpPort"] = configuration["Cloud:HttpPort"] ?? "8080",
            ["Cloud:S3Port"] = configuration["Cloud:S3Port"] ?? "9000",
            ["Cloud:ServiceKeyFile"] = Path.GetFullPath(
                configuration["Cloud:ServiceKeyFile"] ?? Path.Combine(data, "secrets", "service.key")),
        };
        configuration.AddInMemoryCollection(defaults);
    }

    private static string DefaultCache() => Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache
            ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "cloud");
}
