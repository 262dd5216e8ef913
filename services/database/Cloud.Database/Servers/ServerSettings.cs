using System.Globalization;
using System.Text;
using Cloud.Database.Databases;

namespace Cloud.Database.Servers;

/// <summary>A server's configuration files, written anew before every start and for every change.</summary>
internal static class ServerSettings
{
    /// <summary>The service's own superuser. Users get no role that reaches files, programs or other servers.</summary>
    public const string Admin = "cloud_admin";

    /// <summary>By passwords, over TLS, and in no other way.</summary>
    public static string Access(bool everywhere) =>
        $"""
        hostssl replication {Admin} 127.0.0.1/32 scram-sha-256
        hostssl all         all     {(everywhere ? "0.0.0.0/0" : "127.0.0.1/32")} scram-sha-256

        """;

    /// <param name="everywhere">It listens at every address, and not at loopback alone.</param>
    public static string Of(ManagedDatabase database, bool everywhere)
    {
        var type = DatabaseType.Require(database.Type);
        var text = new StringBuilder();
        foreach (var (name, value) in Defaults(type, database.SizeBytes))
        {
            text.Append(CultureInfo.InvariantCulture, $"{name} = {Quote(value)}\n");
        }

        foreach (var (name, value) in database.Parameters)
        {
            text.Append(CultureInfo.InvariantCulture, $"{name} = {Quote(value)}\n");
        }

        // Last, so that nothing above outweighs them.
        foreach (var (name, value) in Fixed(database, everywhere))
        {
            text.Append(CultureInfo.InvariantCulture, $"{name} = {Quote(value)}\n");
        }

        text.Append("include_if_exists = '../recovery.conf'\n");
        return text.ToString();
    }

    /// <summary>What a recovery needs: the log, where it was not laid out where the server has its own, and where to stop.</summary>
    /// <param name="to">Every commit up to this time, and none after; null for all of the log.</param>
    public static string Recovery(DateTimeOffset? to)
    {
        var target = to is { } time
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"recovery_target_time = '{time.UtcDateTime:yyyy-MM-dd HH:mm:ss.ffffff}+00'\nrecovery_target_action = 'promote'\n")
            : "";
        return "restore_command = '[ -e ../wal/%f ] && cp ../wal/%f \"%p\"'\n"
            + $"recovery_target_timeline = 'current'\nhot_standby = off\n{target}";
    }

    private static IEnumerable<(string Name, string Value)> Defaults(DatabaseType type, long sizeBytes) =>
    [
        ("shared_buffers", $"{type.SharedBuffersMebibytes}MB"),
        ("effective_cache_size", $"{type.MemoryMebibytes * 3 / 4}MB"),
        ("work_mem", $"{Math.Max(type.WorkMemoryKibibytes, 1024)}kB"),
        ("maintenance_work_mem", $"{Math.Max(type.MemoryMebibytes / 16, 16)}MB"),
        ("max_connections", type.Connections.ToString(CultureInfo.InvariantCulture)),
        ("max_parallel_workers", type.Vcpus.ToString(CultureInfo.InvariantCulture)),
        ("min_wal_size", "8MB"),
        ("max_wal_size", $"{Math.Clamp(sizeBytes / 8 >> 20, 16, 1024)}MB"),
        ("wal_compression", "lz4"),
        ("jit", "off"),
        ("timezone", "UTC"),
        ("random_page_cost", "1.1"),
        ("log_checkpoints", "off"),
    ];

    private static IEnumerable<(string Name, string Value)> Fixed(ManagedDatabase database, bool everywhere) =>
    [
        ("listen_addresses", everywhere ? "0.0.0.0" : "127.0.0.1"),
        ("port", database.Port.ToString(CultureInfo.InvariantCulture)),
        ("unix_socket_directories", ""),
        ("ssl", "on"),
        ("ssl_cert_file", "../tls/server.crt"),
        ("ssl_key_file", "../tls/server.key"),
        ("ssl_min_protocol_version", "TLSv1.2"),
        ("password_encryption", "scram-sha-256"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        // A volume holds nothing but the server's files: one call writes them down before a recovery, and not one a file.
        ("recovery_init_sync_method", database.Placement == DatabasePlacement.Container ? "syncfs" : "fsync"),
        ("wal_level", "replica"),
        ("max_wal_senders", "6"),
        ("max_replication_slots", "6"),
        ("shared_preload_libraries", "pg_stat_statements"),
        ("logging_collector", "on"),
        ("log_destination", "stderr"),
        ("log_directory", "../log"),
        ("log_filename", "postgresql-%H.log"),
        ("log_file_mode", "0600"),
        ("log_rotation_age", "60"),
        ("log_rotation_size", "0"),
        ("log_truncate_on_rotation", "on"),
        ("log_timezone", "UTC"),
        ("log_line_prefix", "%m [%p] %q%u@%d "),
        ("default_transaction_read_only", database.Status == DatabaseStatus.ReadOnly ? "on" : "off"),
    ];

    private static string Quote(string value) =>
        $"'{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal)}'";
}
