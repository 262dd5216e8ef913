using Cloud.Database.Tests.Kit;
using Cloud.Testing;

namespace Cloud.Database.Tests.Archive;

/// <summary>How a server's log comes into the archive: told of each commit at rest, asked for while it is busy.</summary>
public sealed class LogArchiverTests(DatabaseServices services) : DatabaseTest(services.OnSqlite)
{
    private const int Rows = 1000;
    private const string Followers = "SELECT count(*) FROM pg_stat_replication";

    [Fact]
    public async Task BusyServer_IsAsked_OneAtRestFollowed_AndEveryRowIsInTheArchiveOfOneThatStops()
    {
        var made = await CreateAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await SqlAsync(url, "CREATE TABLE rows (n int)");
        (await AskAsync<long>(url, Followers)).ShouldBe(1);
        await using (var connection = await ConnectAsync(url))
        {
            await WriteAsync(connection);
            await Eventually.HoldsAsync(async () => await AskAsync<long>(url, Followers) == 0, "the server is asked");
            await WriteAsync(connection);
        }

        // In the middle of it all: whoever stops a server has it followed first.
        await ActAsync(id, "restart");
        (await AskAsync<long>(url, "SELECT count(*) FROM rows")).ShouldBe(2 * Rows);
        await using (var connection = await ConnectAsync(url))
        {
            await WriteAsync(connection);
            await Eventually.HoldsAsync(async () => await AskAsync<long>(url, Followers) == 0, "the server is asked again");
        }

        await Eventually.HoldsAsync(async () => await AskAsync<long>(url, Followers) == 1, "the server at rest is followed");
        await DeleteAsync(id);
        var back = await PostAsync($"/v1/databases/{id}/undelete?wait=120");
        StatusOf(back).ShouldBe("available", back.ToString());
        (await AskAsync<long>(url, "SELECT count(*) FROM rows")).ShouldBe(3 * Rows);
        await DeleteAsync(id, "&finalBackup=false");
    }

    private static async Task WriteAsync(Npgsql.NpgsqlConnection connection)
    {
        for (var row = 0; row < Rows; row++)
        {
            await SqlAsync(connection, "INSERT INTO rows VALUES (1)");
        }
    }
}
