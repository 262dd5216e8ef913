using Cloud.Database.Archive;
using Cloud.Database.Contracts;
using Cloud.Database.Databases;
using Cloud.Database.Insight;
using Cloud.Database.Servers;
using Cloud.Primitives;
using Npgsql;

namespace Cloud.Database.Engines;

/// <summary>PostgreSQL: its parts are in <c>Servers</c> and <c>Archive</c>.</summary>
internal sealed partial class PostgresEngine(
    ServerPlaces places, ServerProcesses processes, ServerControl control, ServerConnections connections, ParameterCatalog catalog,
    DatabaseArchive archive, LogArchivers archivers, DatabaseOptions options, TimeProvider time, ILogger<PostgresEngine> log)
    : IServerEngine
{
    public string Version => DatabaseView.VersionOf(DatabaseEngine.Postgres);

    public Task MakeAsync(ManagedDatabase database, CancellationToken ct) => places.Of(database).MakeAsync(database, ct);

    public async Task CopyAsync(ManagedDatabase source, ManagedDatabase database, CancellationToken ct)
    {
        if ((source.Placement, database.Placement) == (DatabasePlacement.Process, DatabasePlacement.Process))
        {
            await processes.CopyAsync(source, database, ct);
            return;
        }

        if (source.Placement == database.Placement)
        {
            await archive.StoreLogAsync(source, ct);
            await CheckpointAsync(source, ct);
            if (await places.RequireContainers().CopyAsync(
                source, database, (first, files) => archive.UnpackLogAsync(source, first, files, ct), ct))
            {
                return;
            }
        }

        await places.Of(database).FillAsync(
            database, database.Generation, null,
            files => archive.ReadServerAsync(source, tar => files.UnpackAsync("data", tar, ct), withLog: true, ct), ct);
    }

    /// <summary>What is copied at an instant after this has little log to replay. It is as good, and slower to start, without.</summary>
    private async Task CheckpointAsync(ManagedDatabase database, CancellationToken ct)
    {
        try
        {
            await using var admin = await connections.OpenAsync(database, ct);
            await admin.ExecuteAsync("CHECKPOINT", ct);
        }
        catch (NpgsqlException failed)
        {
            LogNoCheckpoint(log, database.Id, failed.Message);
        }
    }

    public Task RestoreAsync(
        ManagedDatabase database, int generation, DatabaseId source, DateTimeOffset? time, CancellationToken ct) =>
        places.Of(database).FillAsync(database, generation, time, files => archive.UnpackAsync(source, time, files, ct), ct);

    public Task LayOutAsync(ManagedDatabase database, int generation, string staged, DateTimeOffset? time, CancellationToken ct) =>
        places.Of(database).FillAsync(database, generation, time, files => archive.UnpackStagedAsync(staged, files, ct), ct);

    public Task StartAsync(ManagedDatabase database, CancellationToken ct) => control.StartAsync(database, ct);

    public Task StopAsync(ManagedDatabase database, CancellationToken ct) => control.StopAsync(database, ct);

    public Task MakeOwnerAsync(ManagedDatabase database, ManagedDatabase? source, CancellationToken ct) =>
        control.MakeOwnerAsync(database, source, ct);

    public Task ArchiveAsync(ManagedDatabase database, CancellationToken ct) => archivers.StartAsync(database);

    public Task TakeBaseBackupAsync(ManagedDatabase database, CancellationToken ct) => archive.TakeBaseBackupAsync(database, ct);

    public async Task KeepArchiveAsync(ManagedDatabase database, BaseBackup? newest, CancellationToken ct)
    {
        if (archivers.Find(database) is not { } archiver)
        {
            return;
        }

        if (archiver.HasUnsaid)
        {
            await using var admin = await connections.OpenAsync(database, ct);
            var (position, now) = await admin.PositionAndTimeAsync(ct);
            await archiver.StoreAsync(position, ct);
            await archiver.SaveTimeAsync(now, ct);
        }

        if (newest is null
            || time.GetUtcNow() - newest.CompletedAt > options.BaseBackupAge
            || archiver.Received - newest.StartPosition > options.BaseBackupLogBytes)
        {
            await archive.TakeBaseBackupAsync(database, ct);
        }
    }

    public async Task<DateTimeOffset?> StoreAllAsync(ManagedDatabase database, bool restores, CancellationToken ct)
    {
        if (archivers.Find(database) is not { } archiver)
        {
            return null;
        }

        try
        {
            await using var admin = await connections.OpenAsync(database, ct);
            var (position, now) = await admin.PositionAndTimeAsync(ct, marks: restores);
            await archiver.StoreAsync(position, ct);
            return now;
        }
        catch (Exception away) when (away is NpgsqlException or CloudException { Kind: ErrorKind.Unavailable })
        {
            // The server has died, or does not keep up: what is stored is what there is.
            return null;
        }
    }

    public string FirstLogName(BaseBackup backup) => ArchiveKeys.SegmentName(backup.Timeline, backup.StartPosition);

    public Task ApplySettingsAsync(ManagedDatabase database, CancellationToken ct) => places.Of(database).ReloadAsync(database, ct);

    public async Task EndSessionsAsync(ManagedDatabase database, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        await admin.ExecuteAsync(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename <> $1", ct,
            ServerSettings.Admin);
    }

    public async Task<DatabaseArchiveState> DescribeArchiveAsync(ManagedDatabase database, CancellationToken ct) =>
        await archive.DescribeAsync(database, database.ShouldRun ? await StoreAllAsync(database, restores: false, ct) : null, ct);

    public Task<Stream> OpenBaseAsync(ManagedDatabase database, string backup, CancellationToken ct) =>
        archive.OpenBaseAsync(database.Id, backup, ct);

    public Task<string?> CheckAsync(ManagedDatabase database, CancellationToken ct) => control.CheckAsync(database, ct);

    public Task CheckParametersAsync(IReadOnlyDictionary<string, string>? parameters, DatabaseType type, CancellationToken ct) =>
        catalog.CheckAsync(parameters, type, ct);

    public Task<bool> NeedsRestartAsync(IEnumerable<string> names, CancellationToken ct) => catalog.NeedsRestartAsync(names, ct);

    public async Task<IReadOnlyList<string>> ListUsersAsync(ManagedDatabase database, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        return await admin.ListAsync(
            "SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper ORDER BY rolname", one => one.GetString(0), ct);
    }

    public async Task CreateUserAsync(ManagedDatabase database, string name, string password, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        try
        {
            await admin.ExecuteFormattedAsync("CREATE ROLE %I LOGIN PASSWORD %L", ct, name, password);
        }
        catch (PostgresException taken) when (taken.SqlState == PostgresErrorCodes.DuplicateObject)
        {
            throw CloudException.Conflict("name-taken", $"There is already a user '{name}'.");
        }
    }

    public async Task DeleteUserAsync(ManagedDatabase database, string name, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        try
        {
            await admin.ExecuteFormattedAsync("DROP ROLE IF EXISTS %I", ct, name);
        }
        catch (PostgresException held) when (held.SqlState == PostgresErrorCodes.DependentObjectsStillExist)
        {
            throw CloudException.Conflict(
                "user-owns-objects", $"The user '{name}' still owns objects or rights: REASSIGN OWNED and DROP OWNED them first.");
        }
    }

    public async Task RequireUserAsync(ManagedDatabase database, string name, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        if (!await admin.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND NOT rolsuper)", ct, name))
        {
            throw CloudException.NotFound("user", name);
        }
    }

    public async Task SetPasswordAsync(ManagedDatabase database, string name, string password, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        await admin.ExecuteFormattedAsync("ALTER ROLE %I PASSWORD %L", ct, name, password);
    }

    public async Task<DatabaseMetricsView> ReadMetricsAsync(ManagedDatabase database, long usedBytes, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        var metrics = await admin.ListAsync(
            """
            SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename <> current_user),
                   (SELECT count(*)::int FROM pg_stat_activity
                    WHERE backend_type = 'client backend' AND usename <> current_user AND state = 'active'),
                   current_setting('max_connections')::int, sum(xact_commit)::bigint, sum(xact_rollback)::bigint,
                   sum(blks_hit)::float8 / nullif(sum(blks_hit + blks_read), 0), sum(tup_returned)::bigint,
                   sum(tup_inserted + tup_updated + tup_deleted)::bigint, sum(deadlocks)::bigint, sum(temp_bytes)::bigint,
                   extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8
            FROM pg_stat_database
            """,
            one => new DatabaseMetricsView(
                one.GetInt32(0), one.GetInt32(1), one.GetInt32(2), one.GetInt64(3), one.GetInt64(4),
                one.IsDBNull(5) ? null : one.GetDouble(5), one.GetInt64(6), one.GetInt64(7), one.GetInt64(8), one.GetInt64(9), usedBytes,
                database.SizeBytes, one.GetDouble(10)),
            ct);
        return metrics[0];
    }

    public async Task<IReadOnlyList<SlowQueryView>> ListSlowestAsync(ManagedDatabase database, int count, CancellationToken ct)
    {
        await using var admin = await connections.OpenAsync(database, ct);
        return await admin.ListAsync(
            """
            SELECT s.query, d.datname, r.rolname, s.calls, s.mean_exec_time, s.max_exec_time, s.total_exec_time, s.rows
            FROM public.pg_stat_statements s LEFT JOIN pg_database d ON d.oid = s.dbid LEFT JOIN pg_roles r ON r.oid = s.userid
            WHERE r.rolsuper IS NOT TRUE ORDER BY s.mean_exec_time DESC LIMIT $1
            """,
            one => new SlowQueryView(
                one.GetString(0), one.IsDBNull(1) ? null : one.GetString(1), one.IsDBNull(2) ? null : one.GetString(2), one.GetInt64(3),
                one.GetDouble(4), one.GetDouble(5), one.GetDouble(6), one.GetInt64(7)),
            ct, count);
    }

    [LoggerMessage(9012, LogLevel.Information, "{Database} is copied without a checkpoint before: {Reason}")]
    private static partial void LogNoCheckpoint(ILogger log, DatabaseId database, string reason);
}
