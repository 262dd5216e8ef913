using System.Diagnostics;
using System.Globalization;
using Cloud.Database.Servers;
using Cloud.Database.Tests.Kit;
using Cloud.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Cloud.Database.Tests.Databases;

/// <summary>What was acknowledged is there, whatever dies.</summary>
public sealed class DurabilityTests(DatabaseServices services) : DatabaseTest(services.OnSqlite)
{
    private static readonly int Rounds =
        int.Parse(Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "1", CultureInfo.InvariantCulture);

    [Fact]
    public async Task KilledServer_RunsAgain_WithEveryAcknowledgedRow_AlsoInTheArchive()
    {
        var made = await CreateAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await SqlAsync(url, "CREATE TABLE rows (n int PRIMARY KEY)");
        var acknowledged = 0;
        for (var round = 0; round < Rounds; round++)
        {
            using var over = new CancellationTokenSource();
            var writing = WriteAsync(url, acknowledged, over.Token);
            await Task.Delay(TimeSpan.FromMilliseconds(300));
            var folder = Service.Services.GetRequiredService<ServerProcesses>().FolderOf(await Service.RowAsync(id));
            Process.GetProcessById(int.Parse((await File.ReadAllLinesAsync(folder.ProcessFile))[0], CultureInfo.InvariantCulture)).Kill();
            await over.CancelAsync();
            acknowledged = await writing;
            await Eventually.HoldsAsync(() => AnswersAsync(url), "the server runs again");
        }

        acknowledged.ShouldBeGreaterThan(0);
        (await AskAsync<bool>(url, $"SELECT count(*) >= {acknowledged} FROM rows")).ShouldBeTrue();
        var missing = await AskAsync<long>(
            url, $"SELECT count(*) FROM generate_series(1, {acknowledged}) n WHERE n NOT IN (SELECT n FROM rows)");
        missing.ShouldBe(0);
        var count = await AskAsync<long>(url, "SELECT count(*) FROM rows");

        var window = await GetAsync($"/v1/databases/{id}/recovery-window");
        await ActAsync(id, "restore", new { to = window.GetProperty("latest").GetDateTimeOffset(), inPlace = true });
        (await AskAsync<long>(url, "SELECT count(*) FROM rows")).ShouldBe(count);
        await DeleteAsync(id, "&finalBackup=false");
    }

    [Fact]
    public async Task RestartOfTheService_DisturbsNoConnection_AndLeavesNoHoleInTheArchive()
    {
        var data = services.NewFolder();
        var first = await DatabaseUnderTest.StartAsync(data);
        var (status, made) = await first.SendAsync(HttpMethod.Post, "/v1/databases?wait=120", new { name = "kept" }, "prj-restart");
        status.ShouldBe(System.Net.HttpStatusCode.Created, made.ToString());
        await using var connection = await ConnectAsync(UrlOf(made));
        await SqlAsync(connection, "CREATE TABLE rows (n int); INSERT INTO rows VALUES (1)");

        await first.DisposeAsync();
        await SqlAsync(connection, "INSERT INTO rows VALUES (2)");
        await using var second = await DatabaseUnderTest.StartAsync(data);
        await SqlAsync(connection, "INSERT INTO rows VALUES (3)");
        await Eventually.HoldsAsync(
            async () => (await second.SendAsync(HttpMethod.Get, $"/v1/databases/{IdOf(made)}/recovery-window", null, "prj-restart"))
                .Body.GetProperty("latest").GetDateTimeOffset() > await ClockAsync(connection) - TimeSpan.FromSeconds(2),
            "the log is archived again");
        var to = await ClockAsync(connection);

        var restored = await second.SendAsync(
            HttpMethod.Post, $"/v1/databases/{IdOf(made)}/restore?wait=120", new { to, name = "copy" }, "prj-restart");
        restored.Status.ShouldBe(System.Net.HttpStatusCode.Created, restored.Body.ToString());
        (await AskAsync<long>(UrlOf(restored.Body), "SELECT sum(n) FROM rows")).ShouldBe(6);
        foreach (var id in new[] { IdOf(made), IdOf(restored.Body) })
        {
            await second.SendAsync(HttpMethod.Delete, $"/v1/databases/{id}?wait=120&finalBackup=false", null, "prj-restart");
        }
    }

    [Fact]
    public async Task FullDatabase_IsRead_AndWrittenAgainAfterAResize()
    {
        var made = await CreateAsync(new { name = NewName("db"), sizeBytes = "128Mi" });
        var (id, url) = (IdOf(made), UrlOf(made));
        await SqlAsync(url, "CREATE TABLE filled (n int, t text)");
        var acknowledged = 0;
        await Should.ThrowAsync<NpgsqlException>(async () =>
        {
            await using var writer = await ConnectAsync(url);
            for (; ; acknowledged++)
            {
                await SqlAsync(
                    writer, $"INSERT INTO filled SELECT {acknowledged}, string_agg(md5(n::text), '') FROM generate_series(1, 30000) n");
                await SqlAsync(writer, "SELECT pg_sleep(0.01)");
            }
        });

        await UntilAsync(id, "read-only");
        await using (var connection = await ConnectAsync(url))
        {
            (await AskAsync<long>(connection, "SELECT count(*) FROM filled")).ShouldBeGreaterThanOrEqualTo(acknowledged);
            (await RefusedSqlAsync(connection, "INSERT INTO filled VALUES (0, 'x')")).ShouldBe(PostgresErrorCodes.ReadOnlySqlTransaction);
        }

        ShouldName(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/resize", new { sizeBytes = 5 }), "sizeBytes");
        await PostAsync($"/v1/databases/{id}/resize?wait=60", new { sizeBytes = "1Gi" });
        await UntilAsync(id, "available");

        // Part of what made it full was log, which the server recycles.
        await SqlAsync(
            url, "INSERT INTO filled SELECT k, (SELECT string_agg(md5((n * k)::text), '') FROM generate_series(1, 30000) n) "
            + "FROM generate_series(1, 64) k");
        ShouldName(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/resize", new { sizeBytes = "129Mi" }), "sizeBytes");
        await DeleteAsync(id, "&finalBackup=false");
    }

    /// <summary>Writes rows, each a transaction, until the server is gone; the last that was acknowledged.</summary>
    private static async Task<int> WriteAsync(string url, int last, CancellationToken over)
    {
        try
        {
            await using var connection = await ConnectAsync(url);
            while (!over.IsCancellationRequested)
            {
                // One more may have been committed, and its acknowledgement lost.
                await SqlAsync(connection, $"INSERT INTO rows VALUES ({last + 1}) ON CONFLICT DO NOTHING");
                last++;
            }
        }
        catch (NpgsqlException)
        {
            // The server has died.
        }

        return last;
    }

    private static async Task<bool> AnswersAsync(string url)
    {
        try
        {
            return await AskAsync<int>(url, "SELECT 1") == 1;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
