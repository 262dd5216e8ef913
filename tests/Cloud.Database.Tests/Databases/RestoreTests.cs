using System.Globalization;
using System.Net;
using Cloud.Database.Servers;
using Cloud.Database.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Cloud.Database.Tests.Databases;

/// <summary>Back to a time: every row that was committed by then, and none after.</summary>
public sealed class RestoreTests(DatabaseServices services) : DatabaseTest(services.OnSqlite)
{
    private const int RowsEach = 20;

    [Fact]
    public async Task DroppedTable_IsRestoredToJustBefore_AsANewDatabaseAndInPlace_AndUndone()
    {
        var made = await CreateAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await SqlAsync(url, "CREATE TABLE rows (n int PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())");
        DateTimeOffset middle, end;
        await using (var connection = await ConnectAsync(url))
        {
            await InsertAsync(connection, 1);
            middle = await ClockAsync(connection);
            await Task.Delay(TimeSpan.FromMilliseconds(20));
            await InsertAsync(connection, 1 + RowsEach);
            end = await ClockAsync(connection);
            await Task.Delay(TimeSpan.FromMilliseconds(20));
            await SqlAsync(connection, "DROP TABLE rows");
            await SqlAsync(connection, "CREATE TABLE later (n int)");
        }

        var other = await PostAsync(
            $"/v1/databases/{id}/restore?wait=120", new { to = middle, name = NewName("restored") }, HttpStatusCode.Created);
        StatusOf(other).ShouldBe("available", other.ToString());
        (await AskAsync<long>(UrlOf(other), "SELECT count(*) FROM rows")).ShouldBe(RowsEach);
        (await AskAsync<int>(UrlOf(other), "SELECT max(n) FROM rows")).ShouldBe(RowsEach);
        await SqlAsync(UrlOf(other), "INSERT INTO rows VALUES (10000)");

        await ActAsync(id, "restore", new { to = end, inPlace = true });
        (await AskAsync<long>(url, "SELECT count(*) FROM rows")).ShouldBe(2 * RowsEach);
        (await AskAsync<int>(url, "SELECT max(n) FROM rows")).ShouldBe(2 * RowsEach);
        (await AskAsync<bool>(url, "SELECT to_regclass('later') IS NULL")).ShouldBeTrue();
        await SqlAsync(url, "CREATE TABLE afterwards (n int)");

        await ActAsync(id, "undo-restore");
        (await AskAsync<bool>(url, "SELECT to_regclass('rows') IS NULL AND to_regclass('later') IS NOT NULL")).ShouldBeTrue();
        await ActAsync(id, "undo-restore");
        (await AskAsync<bool>(url, "SELECT to_regclass('rows') IS NOT NULL AND to_regclass('afterwards') IS NOT NULL")).ShouldBeTrue();

        // The window reaches back over all of it.
        await ActAsync(id, "restore", new { to = middle, inPlace = true });
        (await AskAsync<int>(url, "SELECT max(n) FROM rows")).ShouldBe(RowsEach);
        await DeleteAsync(id, "&finalBackup=false");
        await DeleteAsync(IdOf(other), "&finalBackup=false");
    }

    [Fact]
    public async Task TimeOutsideOfTheWindow_IsRefusedWithTheWindow()
    {
        var made = await CreateAsync();
        var id = IdOf(made);
        var window = await GetAsync($"/v1/databases/{id}/recovery-window");
        var earliest = window.GetProperty("earliest").GetDateTimeOffset();
        foreach (var to in new[] { earliest.AddMilliseconds(-1), DateTimeOffset.UnixEpoch, TimeProvider.System.GetUtcNow().AddHours(1) })
        {
            var refused = await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/restore", new { to, inPlace = true });
            ShouldName(refused, "to");
            refused.Body.GetProperty("code").GetString().ShouldBe("outside-recovery-window");
            DateTimeOffset.Parse(refused.Body.GetProperty("earliest").GetString()!, CultureInfo.InvariantCulture).ShouldBe(earliest);
        }

        ShouldName(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/restore", new { to = earliest }), "name");
        ShouldName(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/restore", new { to = "yesterday", inPlace = true }), "to");
        RefusalOf(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/undo-restore"), HttpStatusCode.Conflict)
            .ShouldBe("nothing-to-undo");

        // Its first moment is one to go back to.
        await ActAsync(id, "restore", new { to = earliest, inPlace = true });
        await DeleteAsync(id, "&finalBackup=false");
    }

    [Fact]
    public async Task StoppedDatabase_IsRestoredToItsLastMoment()
    {
        var made = await CreateAsync();
        await SqlAsync(UrlOf(made), "CREATE TABLE rows (n int); INSERT INTO rows VALUES (1)");
        await ActAsync(IdOf(made), "stop", status: "stopped");

        var window = await GetAsync($"/v1/databases/{IdOf(made)}/recovery-window");
        var restored = await PostAsync(
            $"/v1/databases/{IdOf(made)}/restore?wait=120",
            new { to = window.GetProperty("latest").GetDateTimeOffset(), name = NewName("restored") }, HttpStatusCode.Created);

        StatusOf(restored).ShouldBe("available", restored.ToString());
        (await AskAsync<int>(UrlOf(restored), "SELECT n FROM rows")).ShouldBe(1);
        await DeleteAsync(IdOf(restored), "&finalBackup=false");
        await DeleteAsync(IdOf(made), "&finalBackup=false");
    }

    [Fact]
    public async Task Clone_HasWhatItsSourceHas_AndGoesItsOwnWay()
    {
        var made = await CreateAsync();
        await SqlAsync(UrlOf(made), "CREATE TABLE rows (n int); INSERT INTO rows SELECT generate_series(1, 5000)");

        var clone = await PostAsync($"/v1/databases/{IdOf(made)}/clone?wait=120", new { name = NewName("clone") }, HttpStatusCode.Created);

        StatusOf(clone).ShouldBe("available", clone.ToString());
        await SqlAsync(UrlOf(clone), "INSERT INTO rows VALUES (0)");
        await WindowOpensAsync(IdOf(clone));
        (await AskAsync<long>(UrlOf(clone), "SELECT count(*) FROM rows")).ShouldBe(5001);
        (await AskAsync<long>(UrlOf(made), "SELECT count(*) FROM rows")).ShouldBe(5000);

        // Neither's password opens the other, the cloud's own included.
        var crossed = TextOf(UrlOf(clone));
        crossed.Password = TextOf(UrlOf(made)).Password;
        await using var connection = new NpgsqlConnection(crossed.ConnectionString);
        (await Should.ThrowAsync<PostgresException>(() => connection.OpenAsync())).SqlState.ShouldBe(PostgresErrorCodes.InvalidPassword);
        var connections = Service.Services.GetRequiredService<ServerConnections>();
        var (source, copy) = (await Service.RowAsync(IdOf(made)), await Service.RowAsync(IdOf(clone)));
        (await Should.ThrowAsync<PostgresException>(async () =>
        {
            await using var admin = await connections.OpenAsync(copy, default, connections.AdminPassword(source));
        })).SqlState.ShouldBe(PostgresErrorCodes.InvalidPassword);
        await DeleteAsync(IdOf(made), "&finalBackup=false");
        await DeleteAsync(IdOf(clone), "&finalBackup=false");
    }

    /// <summary>Each row a transaction of its own.</summary>
    private static async Task InsertAsync(NpgsqlConnection connection, int first)
    {
        for (var n = first; n < first + RowsEach; n++)
        {
            await SqlAsync(connection, $"INSERT INTO rows VALUES ({n})");
        }
    }
}
