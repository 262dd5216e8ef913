using Cloud.Database.Databases;
using Cloud.Database.Secrets;
using Cloud.Database.Servers;

namespace Cloud.Database.Redis;

/// <summary>Redis in containers.</summary>
internal sealed class RedisImage(PasswordBox passwords, RedisArchive archive) : IServerImage
{
    public string Name => "redis-7-container";

    public string Listener => "redis";

    /// <summary>A rewrite of the log holds all keys beside what it replaces.</summary>
    public bool HasLogVolume => false;

    public long RoomBytesOf(ManagedDatabase database) => RedisSettings.MaxMemory(DatabaseType.Require(database.Type));

    /// <summary>The users that are its own; others that it has stay.</summary>
    public string EntryOf(ManagedDatabase database) => string.Concat(
        RedisUsers.OwnOf(passwords.Open(database.AdminSecret, database.Id), passwords.Open(database.OwnerSecret, database.Id))
            .Select(line => line + "\n"));

    public string CompletionOf(ManagedDatabase database, DateTimeOffset? time) => EntryOf(database);

    public string AdoptionOf(ManagedDatabase database) => EntryOf(database);

    public IReadOnlyList<string> StopCommandOf(string root) => [ServerContainers.FilesProgram, "stop", root];

    public IReadOnlyList<(string Path, string Text)> SettingsOf(ManagedDatabase database) =>
        [("data/redis.conf", RedisSettings.Of(database, everywhere: false))];

    /// <summary>What was in use when the server's files were looked at last: after every write they soon are.</summary>
    public Task<long?> FindUsedBytesAsync(ManagedDatabase database, CancellationToken ct) =>
        Task.FromResult(archive.UsedBytesOf(database));

    public void Forget(ManagedDatabase database) => archive.Forget(database.Id);
}
