using System.Globalization;
using System.Text;
using Cloud.Database.Databases;
using Cloud.Database.Servers;

namespace Cloud.Database.Redis;

/// <summary>A server's configuration file, written anew before every start.</summary>
internal static class RedisSettings
{
    /// <summary>Of the memory of its type: the rest is for its connections and for the copy that a rewrite of its log takes.</summary>
    private const int DataPercent = 75;

    /// <summary>Those that a server that runs takes at once, users' among them.</summary>
    public static IReadOnlyList<(string Name, string Value)> Live(ManagedDatabase database) =>
    [
        .. RedisParameters.Defaults.Select(one => (one.Key, database.Parameters.GetValueOrDefault(one.Key, one.Value))),
        ("maxmemory", MaxMemory(DatabaseType.Require(database.Type)).ToString(CultureInfo.InvariantCulture)),

        // No copy of it will ever be there: writes are refused.
        ("min-replicas-to-write", database.Status == DatabaseStatus.ReadOnly ? "1" : "0"),
    ];

    /// <summary>Set once more, they are read once more.</summary>
    public static IReadOnlyList<(string Name, string Value)> Certificate =>
        [("tls-cert-file", "../tls/server.crt"), ("tls-key-file", "../tls/server.key")];

    /// <param name="everywhere">It listens at every address, and not at loopback alone.</param>
    public static string Of(ManagedDatabase database, bool everywhere)
    {
        var isContained = database.Placement == DatabasePlacement.Container;
        (string Name, string Value)[] settings =
        [
            .. Live(database),
            ("bind", everywhere ? "0.0.0.0" : "127.0.0.1"),
            ("port", "0"),
            ("tls-port", database.Port.ToString(CultureInfo.InvariantCulture)),
            .. Certificate,
            ("tls-auth-clients", "no"),
            ("tls-protocols", "TLSv1.2 TLSv1.3"),
            ("aclfile", "users.acl"),

            // In a container it says to the first process that it takes connections.
            ("daemonize", isContained ? "no" : "yes"),
            ("supervised", isContained ? "systemd" : "no"),

            // Where the memory of its container ends it is what rewrites the log that goes, and not the server.
            ("oom-score-adj", isContained ? "yes" : "no"),
            ("pidfile", "redis.pid"),
            ("set-proc-title", "no"),
            ("logfile", "../log/redis.log"),
            ("save", ""),
            ("appendonly", "yes"),
            ("appendfsync", "always"),
            ("no-appendfsync-on-rewrite", "no"),
            ("aof-load-truncated", "yes"),
            ("aof-use-rdb-preamble", "yes"),
            ("aof-timestamp-enabled", "yes"),

            // What a rewrite removes must be archived first: the service asks for it.
            ("auto-aof-rewrite-percentage", "0"),
            ("enable-debug-command", "no"),
            ("enable-module-command", "no"),
            ("enable-protected-configs", "no"),
        ];
        var text = new StringBuilder();
        foreach (var (name, value) in settings)
        {
            // A word that is empty or has a space is quoted.
            var word = name == "tls-protocols" || value.Length == 0 ? $"\"{value}\"" : value;
            text.Append(CultureInfo.InvariantCulture, $"{name} {word}\n");
        }

        return text.ToString();
    }

    public static long MaxMemory(DatabaseType type) => ((long)type.MemoryMebibytes << 20) / 100 * DataPercent;
}
