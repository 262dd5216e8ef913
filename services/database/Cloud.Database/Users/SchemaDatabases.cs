using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Cloud.Database.Users;

/// <summary>A database within a server: what <c>CREATE DATABASE</c> makes.</summary>
public sealed record SchemaDatabaseView(string Name, string Owner, long SizeBytes);

/// <summary>The body of <c>POST /v1/databases/{id}/databases</c>.</summary>
public sealed record CreateSchemaDatabaseRequest
{
    public required string Name { get; init; }

    /// <summary>The user who owns it; left out, <c>app</c>.</summary>
    public string? Owner { get; init; }
}

internal static class SchemaDatabases
{
    /// <exception cref="CloudException">Its servers have no databases within.</exception>
    public static ManagedDatabase RequireAny(ManagedDatabase database) => database.Engine == DatabaseEngine.Postgres
        ? database
        : throw CloudException.Conflict("wrong-engine", "Only a PostgreSQL server has databases within.");
}

internal static class ListSchemaDatabases
{
    public static async Task<Page<SchemaDatabaseView>> HandleAsync(
        string id, Caller caller, DatabaseDbContext db, ServerConnections connections, CancellationToken ct)
    {
        var row = SchemaDatabases.RequireAny(await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct));
        await using var admin = await connections.OpenAsync(row, ct);
        var found = await admin.ListAsync(
            """
            SELECT datname, pg_get_userbyid(datdba), pg_database_size(oid) FROM pg_database
            WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY datname
            """,
            one => new SchemaDatabaseView(one.GetString(0), one.GetString(1), one.GetInt64(2)), ct);
        return new Page<SchemaDatabaseView>(found, null);
    }
}

internal static class CreateSchemaDatabase
{
    public static async Task<IResult> HandleAsync(
        string id, CreateSchemaDatabaseRequest request, Caller caller, DatabaseDbContext db, ServerConnections connections,
        CancellationToken ct)
    {
        var name = ServerName.Require(request.Name, "name");
        var owner = ServerName.Require(request.Owner ?? ManagedDatabase.OwnerName, "owner");
        var row = SchemaDatabases.RequireAny(await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct));
        await using var admin = await connections.OpenAsync(row, ct);
        try
        {
            await admin.ExecuteFormattedAsync("CREATE DATABASE %I OWNER %I", ct, name, owner);
        }
        catch (PostgresException taken) when (taken.SqlState == PostgresErrorCodes.DuplicateDatabase)
        {
            throw CloudException.Conflict("name-taken", $"There is already a database '{name}' in this server.");
        }
        catch (PostgresException nobody) when (nobody.SqlState == PostgresErrorCodes.UndefinedObject)
        {
            throw CloudException.Invalid("owner", $"There is no user '{owner}'.");
        }

        return TypedResults.Created($"/v1/databases/{row.Id}/databases", new SchemaDatabaseView(name, owner, 0));
    }
}

internal static class DeleteSchemaDatabase
{
    public static async Task<IResult> HandleAsync(
        string id, string name, Caller caller, DatabaseDbContext db, ServerConnections connections, CancellationToken ct)
    {
        ServerName.Require(name, "name");
        var row = SchemaDatabases.RequireAny(await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct));
        await using var admin = await connections.OpenAsync(row, ct);
        await admin.ExecuteFormattedAsync("DROP DATABASE IF EXISTS %I WITH (FORCE)", ct, name);
        return TypedResults.NoContent();
    }
}
