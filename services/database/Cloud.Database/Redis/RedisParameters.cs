using Cloud.Database.Servers;
using Cloud.Primitives;

namespace Cloud.Database.Redis;

/// <summary>The settings of a Redis server that users may make; whether a value is right, the server itself is asked.</summary>
internal sealed class RedisParameters(ServerPrograms programs)
{
    public const string Program = "/usr/bin/redis-server";

    private const int ValueLengthMax = 200;
    private const string Refused = ">>> ";
    private const long ConnectionsMax = 10_000;
    private const long SlowLogMax = 10_000;

    /// <summary>
    /// With what they are where they are not set (redis.conf 7.0). All of them are taken at once; nothing names files, programs, networks
    /// or users, and durability and recovery rest on none.
    /// </summary>
    public static readonly IReadOnlyDictionary<string, string> Defaults = new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["busy-reply-threshold"] = "5000",
        ["hash-max-listpack-entries"] = "512",
        ["hash-max-listpack-value"] = "64",
        ["lazyfree-lazy-eviction"] = "no",
        ["lazyfree-lazy-expire"] = "no",
        ["lazyfree-lazy-server-del"] = "no",
        ["lazyfree-lazy-user-del"] = "no",
        ["lazyfree-lazy-user-flush"] = "no",
        ["lfu-decay-time"] = "1",
        ["lfu-log-factor"] = "10",
        ["list-compress-depth"] = "0",
        ["maxclients"] = "1000",
        ["maxmemory-policy"] = "noeviction",
        ["maxmemory-samples"] = "5",
        ["notify-keyspace-events"] = "",
        ["set-max-intset-entries"] = "512",
        ["slowlog-log-slower-than"] = "10000",
        ["slowlog-max-len"] = "128",
        ["stream-node-max-entries"] = "100",
        ["tcp-keepalive"] = "300",
        ["timeout"] = "0",
        ["zset-max-listpack-entries"] = "128",
        ["zset-max-listpack-value"] = "64",
    };

    private static readonly Dictionary<string, long> Ceilings = new(StringComparer.Ordinal)
    {
        ["maxclients"] = ConnectionsMax,
        ["slowlog-max-len"] = SlowLogMax,
    };

    /// <exception cref="CloudException">Redis is not installed here.</exception>
    public static void Require()
    {
        if (!File.Exists(Program))
        {
            throw new CloudException(
                ErrorKind.Unavailable, "no-redis", "Redis is not installed here (Debian's package redis-server).");
        }
    }

    /// <exception cref="CloudException">Names each one that does not exist, is not the user's, or has a wrong value.</exception>
    public async Task CheckAsync(IReadOnlyDictionary<string, string>? parameters, CancellationToken ct)
    {
        Require();
        var errors = new FieldErrors();
        foreach (var (name, value) in parameters ?? new Dictionary<string, string>())
        {
            var field = $"parameters.{name}";
            if (!Defaults.ContainsKey(name))
            {
                errors.Add(field, "This is no parameter of the server that can be set here.");
            }
            else if (value is null or "" || value.Length > ValueLengthMax
                || !value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '$'))
            {
                errors.Add(field, $"Expected 1 to {ValueLengthMax} letters, digits, '-' and '$'.");
            }
            else if (await RefusalAsync(name, value, ct) is { } refusal)
            {
                errors.Add(field, refusal);
            }
        }

        errors.ThrowIfAny();
    }

    private async Task<string?> RefusalAsync(string name, string value, CancellationToken ct)
    {
        if (Ceilings.TryGetValue(name, out var most) && long.TryParse(value, out var number) && number > most)
        {
            return $"At most {most}.";
        }

        // One that is told to listen nowhere reads its settings, and ends.
        var (_, output, errors) = await programs.TryAsync(
            Program, ["--port", "0", "--save", "", "--dir", "/", "--logfile", "", $"--{name}", value], ct);
        var lines = (output + "\n" + errors).Split('\n');
        var at = Array.FindIndex(lines, line => line.StartsWith(Refused, StringComparison.Ordinal));
        return at < 0
            ? null
            : lines.ElementAtOrDefault(at + 1)?.Trim() is { Length: > 0 } said ? said : "The server does not take this value.";
    }
}
