using System.Net;
using Cloud.Database.Tests.Kit;
using Cloud.ServiceDefaults.Auth;
using Npgsql;

namespace Cloud.Database.Tests.Databases;

/// <summary>Who gets in, and what nobody reaches from there.</summary>
public sealed class UserTests(DatabaseServices services) : DatabaseTest(services.OnSqlite)
{
    [Fact]
    public async Task Tenants_ReachNothingOfTheHost_AndNoOtherServer()
    {
        var made = await CreateAsync();
        await using var connection = await ConnectAsync(UrlOf(made));

        foreach (var statement in new[]
        {
            "COPY (SELECT 1) TO PROGRAM 'id'",
            "CREATE TABLE x (t text); COPY x FROM '/etc/passwd'",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT pg_ls_dir('/')",
            "SELECT lo_import('/etc/passwd')",
            "CREATE ROLE other SUPERUSER",
            "ALTER ROLE app SUPERUSER",
            "GRANT pg_execute_server_program TO app",
            "ALTER SYSTEM SET archive_command = 'id'",
            "CREATE EXTENSION dblink",
            "CREATE EXTENSION file_fdw",
            "CREATE EXTENSION plperlu",
            "SET SESSION AUTHORIZATION cloud_admin",
            "SELECT pg_create_physical_replication_slot('x')",
            "LOAD '/usr/lib/postgresql/15/lib/dict_int.so'",
        })
        {
            (await RefusedSqlAsync(connection, statement)).ShouldBeOneOf(
                [PostgresErrorCodes.InsufficientPrivilege, PostgresErrorCodes.UndefinedFile, PostgresErrorCodes.FeatureNotSupported],
                statement);
        }

        var postgres = TextOf(UrlOf(made));
        postgres.Database = "postgres";
        await using var inside = new NpgsqlConnection(postgres.ConnectionString);
        (await Should.ThrowAsync<PostgresException>(() => inside.OpenAsync())).SqlState.ShouldBe(PostgresErrorCodes.InsufficientPrivilege);

        var stranger = NewName("prj");
        foreach (var path in new[] { "", "/users", "/logs", "/metrics", "/queries", "/recovery-window", "/databases", "/ca-certificate" })
        {
            (await SendAsync(HttpMethod.Get, $"/v1/databases/{IdOf(made)}{path}", project: stranger)).Status
                .ShouldBe(HttpStatusCode.NotFound, path);
        }

        (await SendAsync(HttpMethod.Post, $"/v1/databases/{IdOf(made)}/clone", new { name = "theirs" }, project: stranger)).Status
            .ShouldBe(HttpStatusCode.NotFound);
        (await SendAsync(HttpMethod.Post, $"/v1/databases/{IdOf(made)}/rotate-password", project: stranger)).Status
            .ShouldBe(HttpStatusCode.NotFound);
        (await SendAsync(HttpMethod.Post, $"/v1/databases/{IdOf(made)}/rotate-password", role: Role.Viewer)).Status
            .ShouldBe(HttpStatusCode.Forbidden);
        await connection.CloseAsync();
        await DeleteAsync(IdOf(made), "&finalBackup=false");
    }

    [Fact]
    public async Task Users_ComeAndGo_WithPasswordsOfAnyKind_WhichNobodyWritesDown()
    {
        const string Password = "it's \"quoted\" \\ ünïcödé $1 %s €";
        var made = await CreateAsync(new { name = NewName("db"), parameters = new { log_statement = "all" } });
        var id = IdOf(made);

        var user = await PostAsync($"/v1/databases/{id}/users", new { name = "report", password = Password }, HttpStatusCode.Created);
        TextOf(UrlOf(user)).Password.ShouldBe(Password);
        (await AskAsync<string>(UrlOf(user), "SELECT current_user::text")).ShouldBe("report");
        RefusalOf(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/users", new { name = "report" }), HttpStatusCode.Conflict)
            .ShouldBe("name-taken");

        var rotated = await PostAsync($"/v1/databases/{id}/rotate-password");
        await Should.ThrowAsync<PostgresException>(() => ConnectAsync(UrlOf(made)));
        (await AskAsync<string>(UrlOf(rotated), "SELECT current_user::text")).ShouldBe("app");
        await ActAsync(id, "restart");
        (await AskAsync<string>(UrlOf(rotated), "SELECT current_user::text")).ShouldBe("app");

        var written = (await GetAsync($"/v1/databases/{id}/logs?tail=10000")).GetString()! + await GetAsync($"/v1/databases/{id}/queries");
        written.ShouldContain("SELECT current_user");
        written.ShouldNotContain("quoted");
        written.ShouldNotContain(TextOf(UrlOf(rotated)).Password!);

        foreach (var name in new[] { "", "Upper", "pg_monitor", "cloud_admin", "x; DROP", "postgres", new string('a', 64) })
        {
            ShouldName(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/users", new { name }), "name");
        }

        ShouldName(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/users", new { name = "short", password = "short" }), "password");
        ShouldName(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/databases", new { name = "x", owner = "nobody" }), "owner");
        await PostAsync($"/v1/databases/{id}/databases", new { name = "extra", owner = "report" }, HttpStatusCode.Created);
        RefusalOf(await SendAsync(HttpMethod.Delete, $"/v1/databases/{id}/users/report"), HttpStatusCode.Conflict)
            .ShouldBe("user-owns-objects");
        RefusalOf(await SendAsync(HttpMethod.Delete, $"/v1/databases/{id}/users/app"), HttpStatusCode.Conflict).ShouldBe("owner");
        await SendAsync(HttpMethod.Delete, $"/v1/databases/{id}/databases/extra");
        (await SendAsync(HttpMethod.Delete, $"/v1/databases/{id}/users/report")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await GetAsync($"/v1/databases/{id}/users")).GetProperty("items").EnumerateArray()
            .Select(one => one.GetProperty("name").GetString()).ShouldBe(["app"]);
        await DeleteAsync(id, "&finalBackup=false");
    }
}
