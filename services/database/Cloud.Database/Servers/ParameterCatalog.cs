using System.Text.RegularExpressions;
using Cloud.Database.Databases;
using Cloud.Primitives;

namespace Cloud.Database.Servers;

/// <summary>
/// The settings that users may make, from the server's own catalogue (<c>postgres --describe-config</c>). Whether a value is right, the
/// server itself is asked (<c>postgres -C</c>), before anything is stored.
/// </summary>
internal sealed partial class ParameterCatalog(ServerPrograms programs) : IDisposable
{
    private const int ParametersMax = 100;
    private const int ValueLengthMax = 1000;

    // What tunes a server or shapes its answers; nothing that names files, programs, libraries, networks or identities, or that durability
    // and recovery rest on.
    private static readonly string[] Categories =
    [
        "Autovacuum",
        "Client Connection Defaults / Locale and Formatting",
        "Client Connection Defaults / Statement Behavior",
        "Lock Management",
        "Query Tuning / ",
        "Reporting and Logging / What to Log",
        "Reporting and Logging / When to Log",
        "Resource Usage / Asynchronous Behavior",
        "Resource Usage / Background Writer",
        "Resource Usage / Cost-Based Vacuum Delay",
        "Resource Usage / Disk",
        "Resource Usage / Memory",
        "Statistics / ",
        "Write-Ahead Log / Checkpoints",
    ];

    private static readonly string[] Also =
        ["max_connections", "idle_session_timeout", "tcp_keepalives_idle", "synchronous_commit", "commit_delay", "wal_compression"];

    private static readonly string[] Never =
    [
        "default_table_access_method", "default_tablespace", "temp_tablespaces", "dynamic_shared_memory_type", "shared_memory_type",
        "huge_pages", "huge_page_size", "log_line_prefix", "log_timezone", "cluster_name", "default_transaction_read_only",
        "min_dynamic_shared_memory", "transaction_read_only", "transaction_isolation", "transaction_deferrable", "max_worker_processes",
        "min_wal_size",
        "session_replication_role", "row_security", "timezone_abbreviations", "update_process_title", "backtrace_functions",
    ];

    // More than these, in the unit that the server counts in, and it would not start, or take the machine for itself.
    private static readonly Dictionary<string, long> Ceilings = new(StringComparer.Ordinal)
    {
        ["max_connections"] = 1000,
        ["max_prepared_transactions"] = 1000,
        ["max_locks_per_transaction"] = 1024,
        ["max_pred_locks_per_transaction"] = 1024,
        ["autovacuum_max_workers"] = 10,
        ["track_activity_query_size"] = 65536,
        ["max_wal_size"] = 4096,
    };

    private const int PageBytes = 8192;

    private readonly SemaphoreSlim _turn = new(1);
    private IReadOnlyDictionary<string, Parameter>? _known;

    /// <summary>Checks a set of parameters.</summary>
    /// <exception cref="CloudException">Names each one that does not exist, is not the user's, or has a wrong value.</exception>
    public async Task CheckAsync(IReadOnlyDictionary<string, string>? parameters, DatabaseType type, CancellationToken ct)
    {
        if (parameters is null or { Count: 0 })
        {
            return;
        }

        if (parameters.Count > ParametersMax)
        {
            throw CloudException.Invalid("parameters", $"At most {ParametersMax} parameters.");
        }

        var known = await KnownAsync(ct);
        var errors = new FieldErrors();
        foreach (var (name, value) in parameters)
        {
            var field = $"parameters.{name}";
            if (!known.ContainsKey(name))
            {
                errors.Add(field, "This is no parameter of the server that can be set here.");
            }
            else if (value is null || value.Length > ValueLengthMax || value.Any(char.IsControl))
            {
                errors.Add(field, $"Expected at most {ValueLengthMax} characters and no control character.");
            }
            else if (await RefusalAsync(name, value, type, ct) is { } refusal)
            {
                errors.Add(field, refusal);
            }
        }

        errors.ThrowIfAny();
    }

    /// <summary>Whether the server takes a change of any of them only at its next start.</summary>
    public async Task<bool> NeedsRestartAsync(IEnumerable<string> names, CancellationToken ct)
    {
        var known = await KnownAsync(ct);
        return names.Any(name => known.TryGetValue(name, out var parameter) && parameter.Context == "postmaster");
    }

    public void Dispose() => _turn.Dispose();

    private async Task<string?> RefusalAsync(
        string name, string value, DatabaseType type, CancellationToken ct)
    {
        // It reads a file of settings in any case: an empty one, which is everybody's to read.
        var (code, output, errors) = await programs.TryAsync(
            "postgres", ["-D", "/", "-c", "config_file=/dev/null", "-C", name, "-c", $"{name}={value}"], ct);
        if (code == 0)
        {
            var most = name == "shared_buffers"
                ? ((long)type.MemoryMebibytes << 20) / PageBytes
                : Ceilings.GetValueOrDefault(name, long.MaxValue);
            return long.TryParse(output.Trim(), out var number) && number > most ? $"At most {most}, and this is {number}." : null;
        }

        var said = errors.Split('\n').Where(line => Said().IsMatch(line)).Select(line => Said().Replace(line, "").Trim());
        return string.Join(" ", said) is { Length: > 0 } text ? text : "The server does not take this value.";
    }

    private async Task<IReadOnlyDictionary<string, Parameter>> KnownAsync(CancellationToken ct)
    {
        if (_known is { } known)
        {
            return known;
        }

        await _turn.WaitAsync(ct);
        try
        {
            programs.Require();
            var (_, output, _) = await programs.TryAsync("postgres", ["--describe-config"], ct);
            return _known ??= output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t'))
                .Where(fields => fields.Length > 3 && IsUsers(fields[0], fields[2]))
                .ToDictionary(fields => fields[0], fields => new Parameter(fields[1]), StringComparer.Ordinal);
        }
        finally
        {
            _turn.Release();
        }
    }

    private static bool IsUsers(string name, string category) =>
        !Never.Contains(name)
        && (Also.Contains(name) || Categories.Any(allowed => category.StartsWith(allowed, StringComparison.Ordinal)))
        && !name.EndsWith("_libraries", StringComparison.Ordinal);

    [GeneratedRegex("^.*(FATAL|HINT|DETAIL|ERROR): +")]
    private static partial Regex Said();

    private sealed record Parameter(string Context);
}
