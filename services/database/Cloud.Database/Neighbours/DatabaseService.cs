using Cloud.Database.Archive;
using Cloud.Database.Contracts;
using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Database.Secrets;
using Cloud.Database.Servers;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Neighbours;

/// <summary>What backups ask of databases: the same rows, guards and sagas as a user's calls.</summary>
internal sealed class DatabaseService(
    IDbContextFactory<DatabaseDbContext> databases, DatabaseChanges changes, DatabaseWaiter waiter, DatabaseArchive archive,
    ServerEngines engines, ServerPlaces places, PasswordBox passwords, DatabaseOptions options, TimeProvider time) : IDatabases
{
    /// <summary>How long a call is held for what usually takes less than that.</summary>
    private static readonly WaitQuery AWhile = new(TimeSpan.FromSeconds(5));

    public async Task<DatabaseState?> FindAsync(string project, string database, CancellationToken ct) =>
        await FindRowAsync(project, database, ct) is { } row ? ToState(row) : null;

    public async Task<IReadOnlyList<string>> ListAsync(
        string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = db.Databases.AsNoTracking().Existing().Where(
            row => row.Project == project && row.Status != DatabaseStatus.Deleting);
        foreach (var (key, value) in labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(row => row.LabelText.Contains(line));
        }

        return (await rows.OrderBy(row => row.Id).Select(row => row.Id).ToListAsync(ct)).Select(id => id.Value).ToList();
    }

    public async Task<DatabaseArchiveState> ReadArchiveAsync(string project, string database, CancellationToken ct)
    {
        var row = await RequireRowAsync(project, database, ct);
        return await engines.Of(row).DescribeArchiveAsync(row, ct);
    }

    public async Task<Stream> ReadBaseAsync(string project, string database, string backup, CancellationToken ct)
    {
        var row = await RequireRowAsync(project, database, ct);
        return await engines.Of(row).OpenBaseAsync(row, backup, ct);
    }

    public async Task<Stream> ReadLogAsync(string project, string database, int generation, string name, CancellationToken ct) =>
        await archive.OpenLogAsync((await RequireRowAsync(project, database, ct)).Id, generation, name, ct);

    public Task StageAsync(string key, Stream tar, CancellationToken ct) => archive.StageAsync(key, tar, ct);

    public Task UnstageAsync(string key, CancellationToken ct) => archive.UnstageAsync(key, ct);

    public async Task<DatabaseState> CreateAsync(string project, NewDatabaseCopy copy, CancellationToken ct)
    {
        if (await FindRowAsync(project, copy.Name, ct) is { } there)
        {
            return there.SourceDatabase == copy.Staged
                ? ToState(there)
                : throw CloudException.Conflict("name-taken", $"There is already a database '{copy.Name}' in this project.");
        }

        var settings = copy.Settings;
        var desired = new DesiredDatabase(copy.Name, DatabaseType.Require(settings.Type), settings.SizeBytes)
        {
            Engine = settings.Engine is { } named ? EnumWords.Parse<DatabaseEngine>(named, "engine") : DatabaseEngine.Postgres,
            Labels = new Labels(settings.Labels),
            Parameters = settings.Parameters,
            AdminPassword = settings.AdminPassword,
            OwnerPassword = settings.OwnerPassword,
            Origin = copy.Staged,
        };
        await using var db = await databases.CreateDbContextAsync(ct);
        var (made, _) = await DatabaseMaker.StartAsync(
            db, desired, data => data with { Staged = copy.Staged, To = copy.To }, project, places, passwords, options, time, ct);
        return ToState(await waiter.WaitAsync(made, AWhile, ct));
    }

    public async Task<DatabaseState> RestoreAsync(
        string project, string database, string staged, DateTimeOffset? to, CancellationToken ct)
    {
        var found = await RequireRowAsync(project, database, ct);
        await changes.ApplyAsync(found.Id, "restoring", (db, row, now) =>
        {
            if (row.RestoredOf == staged || !row.Settled)
            {
                return Task.FromResult(false);
            }

            var (from, safety) = (row.Generation, row.SafetyGeneration);
            var generation = row.BeginRestore(now, staged);
            db.Sagas().Start<DatabaseRestoreSaga, DatabaseSagaData>(
                new DatabaseSagaData(row.Id, now) { Staged = staged, To = to, From = from, Generation = generation, Safety = safety },
                row.Id.Value);
            return Task.FromResult(true);
        }, ct);
        return ToState(await waiter.WaitAsync(found, AWhile, ct));
    }

    public async Task<DatabaseState> UndoRestoreAsync(string project, string database, CancellationToken ct)
    {
        var found = await RequireRowAsync(project, database, ct);
        await changes.ApplyAsync(found.Id, "restoring", (db, row, now) =>
        {
            var (from, safety) = (row.Generation, row.SafetyGeneration);
            var generation = row.BeginUndoRestore(now);
            db.Sagas().Start<DatabaseUndoRestoreSaga, DatabaseSagaData>(
                new DatabaseSagaData(row.Id, now) { From = from, Generation = generation, Safety = safety }, row.Id.Value);
            return Task.FromResult(true);
        }, ct);
        return ToState(await waiter.WaitAsync(found, AWhile, ct));
    }

    public async Task<string?> CheckAsync(string project, string database, CancellationToken ct)
    {
        var row = await RequireRowAsync(project, database, ct);
        return await engines.Of(row).CheckAsync(row, ct);
    }

    public async Task<bool> DeleteAsync(string project, string database, CancellationToken ct)
    {
        if (await FindRowAsync(project, database, ct) is not { } found)
        {
            return true;
        }

        await changes.ApplyAsync(found.Id, "deleting", (db, row, now) =>
        {
            var begins = row.Settled && row.Status != DatabaseStatus.Deleted;
            if (begins)
            {
                row.Protect(false, now);
                row.BeginDelete(finalBackup: false, now);
                db.Sagas().Start<DatabaseDeleteSaga, DatabaseSagaData>(new DatabaseSagaData(row.Id, now), row.Id.Value);
            }

            return Task.FromResult(begins);
        }, ct);
        return (await waiter.WaitAsync(found, AWhile, ct)).Status == DatabaseStatus.Deleted;
    }

    private async Task<ManagedDatabase> RequireRowAsync(string project, string database, CancellationToken ct) =>
        await FindRowAsync(project, database, ct) ?? throw CloudException.NotFound("database", database);

    private async Task<ManagedDatabase?> FindRowAsync(string project, string database, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = db.Databases.AsNoTracking().Existing().Where(row => row.Project == project);
        return DatabaseId.TryParse(database, out var id)
            ? await rows.SingleOrDefaultAsync(row => row.Id == id, ct)
            : await rows.SingleOrDefaultAsync(row => row.Name == database, ct);
    }

    private DatabaseState ToState(ManagedDatabase row) => new(
        row.Id.Value, row.Name, EnumWords.Of(row.Status), row.StatusReason, row.Settled, row.SourceDatabase,
        new DatabaseSettings
        {
            Engine = EnumWords.Of(row.Engine),
            Type = row.Type,
            SizeBytes = row.SizeBytes,
            Parameters = row.Parameters,
            Labels = row.Labels.ToDictionary(StringComparer.Ordinal),
            AdminPassword = passwords.Open(row.AdminSecret, row.Id),
            OwnerPassword = passwords.Open(row.OwnerSecret, row.Id),
        });
}
