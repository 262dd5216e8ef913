using System.Collections.Concurrent;
using System.Globalization;
using Cloud.Database.Archive;
using Cloud.Database.Databases;

namespace Cloud.Database.Servers;

/// <summary>PostgreSQL in containers.</summary>
internal sealed class PostgresImage(ServerConnections connections, LogArchivers archivers, TimeProvider time) : IServerImage
{
    private static readonly TimeSpan UsedAge = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<DatabaseId, Used> _used = new();

    public string Name => "postgresql-15-container";

    public string Listener => "postgresql";

    public bool HasLogVolume => true;

    public long RoomBytesOf(ManagedDatabase database) => 0;

    public string EntryOf(ManagedDatabase database)
    {
        var password = connections.AdminPassword(database).Replace("'", "''", StringComparison.Ordinal);
        return $"ALTER ROLE {ServerSettings.Admin} PASSWORD '{password}'\n";
    }

    public string CompletionOf(ManagedDatabase database, DateTimeOffset? time) => ServerSettings.Recovery(time);

    /// <summary>Its source's password opens it until it has its own.</summary>
    public string AdoptionOf(ManagedDatabase database) => "";

    public IReadOnlyList<string> StopCommandOf(string root) => [ServerContainers.ServerProgram, "stop"];

    public IReadOnlyList<(string Path, string Text)> SettingsOf(ManagedDatabase database) =>
    [
        ("data/postgresql.conf", ServerSettings.Of(database, everywhere: false)),
        ("data/pg_hba.conf", ServerSettings.Access(everywhere: false)),
    ];

    /// <summary>What the container's first process says of the volume. A server that has written nothing is not asked again soon.</summary>
    public async Task<long?> FindUsedBytesAsync(ManagedDatabase database, CancellationToken ct)
    {
        var position = archivers.Find(database)?.Received;
        if (_used.TryGetValue(database.Id, out var known) && known.Position == position && time.GetUtcNow() - known.At < UsedAge)
        {
            return known.Bytes;
        }

        await using var admin = await connections.OpenAsync(database, ct);
        var said = await admin.ScalarAsync<string>($"SELECT pg_read_file('{ServerContainers.UsedFile}', 0, 100, true)", ct) ?? "0";
        var bytes = long.Parse(said, CultureInfo.InvariantCulture);
        _used[database.Id] = new Used(bytes, position, time.GetUtcNow());
        return bytes;
    }

    public void Forget(ManagedDatabase database) => _used.TryRemove(database.Id, out _);

    private sealed record Used(long Bytes, long? Position, DateTimeOffset At);
}
