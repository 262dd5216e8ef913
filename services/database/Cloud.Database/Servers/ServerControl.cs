using System.Globalization;
using Cloud.Database.Archive;
using Cloud.Database.Databases;
using Cloud.Database.Secrets;
using Cloud.Primitives;
using Npgsql;

namespace Cloud.Database.Servers;

/// <summary>Brings servers up and down together with the archiving of their logs. Called in the turn of the database.</summary>
internal sealed partial class ServerControl(
    ServerPlaces places, ServerPrograms programs, ServerTemplate template, ServerConnections connections, LogArchivers archivers,
    PasswordBox passwords, TimeProvider time, ILogger<ServerControl> log)
{
    /// <summary>What the server says where its log holds no commit after the time to go back to.</summary>
    private const string TargetNotReached = "recovery ended before configured recovery target was reached";

    private const int LogLines = 100;

    private const int SaidMax = 500;

    /// <summary>Starts a server and waits until it takes connections; a recovery that it begins with is over then.</summary>
    public async Task StartAsync(ManagedDatabase database, CancellationToken ct)
    {
        var place = places.Of(database);
        if (await place.StartAsync(database, ct))
        {
            return;
        }

        var said = await place.LogAsync(database, LogLines, ct);
        if (said.Contains(TargetNotReached, StringComparison.Ordinal))
        {
            // Its last commit is older than the time: all of the log is what was there at that time.
            await place.RecoverAllAsync(database, ct);
            if (await place.StartAsync(database, ct))
            {
                return;
            }
        }

        LogEnded(log, database.Id, said);
        throw new CloudException(ErrorKind.Unavailable, "server-ended", $"The server ended as it started{LastWords.OfServer(said)}");
    }

    /// <summary>Stops a server; all of its log is in the archive then, where it was being archived.</summary>
    public async Task StopAsync(ManagedDatabase database, CancellationToken ct)
    {
        var archiver = archivers.Find(database);
        var whole = archiver is not null && await StoreAllAsync(database, archiver, ct);
        whole &= archiver is not null && await archiver.HurryUpAsync(ct);
        await places.Of(database).StopAsync(database, ct);
        if (whole)
        {
            // A server that stops in good order ends only when its archiver has confirmed the last of the log.
            await archiver!.SaveTimeAsync(time.GetUtcNow(), ct);
        }

        await archivers.StopAsync(database.Id);
    }

    /// <summary>Gives the server the service's password of this database, its owner and the owner's database.</summary>
    /// <param name="source">The database that it was made of: its password opens it until it has its own. Null for the template.</param>
    public async Task MakeOwnerAsync(ManagedDatabase database, ManagedDatabase? source, CancellationToken ct)
    {
        await using var admin = await OpenAsync(database, source, ct);
        await admin.ExecuteAsync("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public", ct);
        if (!await admin.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", ct, ManagedDatabase.OwnerName))
        {
            await admin.ExecuteFormattedAsync("CREATE ROLE %I LOGIN", ct, ManagedDatabase.OwnerName);
        }

        await admin.ExecuteFormattedAsync(
            "ALTER ROLE %I LOGIN PASSWORD %L", ct, ManagedDatabase.OwnerName, passwords.Open(database.OwnerSecret, database.Id));
        if (!await admin.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", ct, ManagedDatabase.OwnerName))
        {
            await admin.ExecuteFormattedAsync("CREATE DATABASE %I OWNER %I", ct, ManagedDatabase.OwnerName, ManagedDatabase.OwnerName);
        }

        await admin.ExecuteAsync("REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC", ct);
    }

    /// <summary>Has PostgreSQL check all tables and indexes.</summary>
    /// <returns>Null where all is well; else what is not.</returns>
    public async Task<string?> CheckAsync(ManagedDatabase database, CancellationToken ct)
    {
        var environment = new Dictionary<string, string>
        {
            ["PGPASSWORD"] = connections.AdminPassword(database),
            ["PGSSLMODE"] = "require",
        };
        var (code, output, errors) = await programs.TryAsync(
            "pg_amcheck",
            [
                "--host=127.0.0.1", $"--port={database.Port.ToString(CultureInfo.InvariantCulture)}", $"--username={ServerSettings.Admin}",
                "--no-password", "--all", "--install-missing", "--heapallindexed",
            ],
            environment, ct);
        var said = (output + errors).Trim();
        return code == 0 ? null : $"pg_amcheck: {(said.Length <= SaidMax ? said : said[..SaidMax])}";
    }

    private async Task<NpgsqlConnection> OpenAsync(ManagedDatabase database, ManagedDatabase? source, CancellationToken ct)
    {
        try
        {
            return await connections.OpenAsync(database, ct);
        }
        catch (PostgresException wrong) when (wrong.SqlState == PostgresErrorCodes.InvalidPassword)
        {
            var password = source is null ? template.Password : connections.AdminPassword(source);
            await using var before = await connections.OpenAsync(database, ct, password);
            await before.ExecuteFormattedAsync(
                "ALTER ROLE %I PASSWORD %L", ct, ServerSettings.Admin, connections.AdminPassword(database));
        }

        return await connections.OpenAsync(database, ct);
    }

    private async Task<bool> StoreAllAsync(ManagedDatabase database, LogArchiver archiver, CancellationToken ct)
    {
        try
        {
            await using var admin = await connections.OpenAsync(database, ct);
            await archiver.StoreAsync(await admin.LogPositionAsync(ct), ct);
            return true;
        }
        catch (Exception away) when (away is NpgsqlException or CloudException)
        {
            // What is not stored stays in the server's folder, and is stored when it runs again.
            LogNotStored(log, database.Id, away.Message);
            return false;
        }
    }

    [LoggerMessage(9002, LogLevel.Warning, "The server of {Database} ended as it started: {Said}")]
    private static partial void LogEnded(ILogger log, DatabaseId database, string said);

    [LoggerMessage(9003, LogLevel.Warning, "The end of the log of {Database} is not in the archive as its server stops: {Reason}")]
    private static partial void LogNotStored(ILogger log, DatabaseId database, string reason);
}
