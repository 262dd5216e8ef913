using System.Diagnostics;
using System.Globalization;
using System.Net;
using Npgsql;

namespace Cloud.EndToEnd.Tests;

/// <summary>Databases, all services in one process.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LocalDatabaseTests(LocalCloud cloud) : DatabaseTests(cloud);

/// <summary>Databases, each service in a process of its own.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedDatabaseTests(DistributedCloud cloud) : DatabaseTests(cloud);

/// <summary>A real server, archived in the real object storage.</summary>
public abstract class DatabaseTests(CloudUnderTest cloud)
{
    /// <summary>PostgreSQL's question whether a server speaks TLS: it says S.</summary>
    private static readonly byte[] SslRequest = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];

    /// <summary>The beginning of TLS 1.2 (RFC 5246) with one suite and curve; it is answered by a record of type 22.</summary>
    private static readonly byte[] ClientHello =
    [
        0x16, 3, 1, 0, 69, 1, 0, 0, 65, 3, 3, .. new byte[32], 0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 22,
        0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3,
    ];

    [Fact]
    public async Task Database_GoesBackToBeforeATableWasDropped_AlsoAfterTheServiceWasKilled()
    {
        var made = await cloud.PostAsync("/v1/databases?wait=120", new { name = "orders" });
        made.GetProperty("status").GetString().ShouldBe("available", made.ToString());
        var id = made.GetProperty("id").GetString()!;
        var text = TextOf(made.GetProperty("connectionString").GetString()!);
        await using var connection = new NpgsqlConnection(text);
        await connection.OpenAsync();
        await SqlAsync(connection, "CREATE TABLE orders (n int); INSERT INTO orders VALUES (1)");

        // Its server outlives the service, and a connection does not notice.
        await cloud.KillAsync(cloud.Units.ContainsKey("cloud") ? "cloud" : "database");
        await SqlAsync(connection, "INSERT INTO orders VALUES (2)");
        await cloud.UpAsync();
        await SqlAsync(connection, "INSERT INTO orders VALUES (3)");
        await using var ask = new NpgsqlCommand("SELECT clock_timestamp()", connection);
        var before = (DateTime)(await ask.ExecuteScalarAsync())!;
        await SqlAsync(connection, "DROP TABLE orders");
        await connection.CloseAsync();
        await UntilArchivedAsync(id, before);

        var restored = await cloud.PostAsync(
            $"/v1/databases/{id}/restore?wait=120", new { to = before, inPlace = true }, HttpStatusCode.OK);

        restored.GetProperty("status").GetString().ShouldBe("available", restored.ToString());
        await using var again = new NpgsqlConnection(text);
        await again.OpenAsync();
        await using var sum = new NpgsqlCommand("SELECT sum(n) FROM orders", again);
        (await sum.ExecuteScalarAsync()).ShouldBe(6L);
        await again.CloseAsync();

        // The archive is nobody's to read.
        var buckets = await cloud.GetAsync("/v1/buckets");
        buckets.GetProperty("items").EnumerateArray().ShouldAllBe(
            bucket => !bucket.GetProperty("name").GetString()!.StartsWith("cloud-private", StringComparison.Ordinal));
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/databases/{id}?wait=120&finalBackup=false")).Status
            .ShouldBe(HttpStatusCode.NoContent);
        Directory.Exists(Path.Combine(cloud.Data, "databases", id)).ShouldBeFalse();
    }

    [Fact]
    public async Task Database_IsReachedByItsProjectsInstances_ByName_AndByNobodyElses()
    {
        var made = await Task.WhenAll(
            cloud.PostAsync("/v1/databases?wait=120", new { name = "inside" }),
            cloud.PostAsync("/v1/databases?wait=120", new { name = "fast", engine = "redis" }));
        var (id, address) = (made[0].GetProperty("id").GetString()!, made[0].GetProperty("internalAddress").GetString()!);
        await cloud.SendAsync(HttpMethod.Post, "/v1/projects", new { name = "strangers" });
        var guests = await Task.WhenAll(
            cloud.CreateInstanceAsync("asks", $"#!/bin/sh\necho \"boot: $({Ask("inside.db", 5432, SslRequest)})\"\n"),
            cloud.PostAsync("/v1/instances?wait=180&project=strangers", new { name = "asks", image = "tiny", type = "nano" }));
        var (guest, stranger) = (guests[0].GetProperty("id").GetString()!, guests[1].GetProperty("id").GetString()!);

        // Both servers begin to speak TLS.
        (await ConsoleAsync(guest)).ShouldContain("boot: S");
        (await cloud.ShellAsync(guest, Ask("fast.db", 6379, ClientHello) + " | od -An -tx1")).Trim().ShouldBe("16");
        (await cloud.ShellAsync(guest, Ask($"{id}.db.cloud.internal", 5432, SslRequest))).ShouldBe("S");

        // By its loopback's port it is the host's, and nobody's of the guests; to another project it is not there at all.
        var port = made[0].GetProperty("port").GetInt32();
        (await cloud.ShellAsync(guest, Ask("10.80.0.2", port, SslRequest))).ShouldNotContain("S");
        (await cloud.ShellAsync(guest, Ask(address, port, SslRequest))).ShouldNotContain("S");
        (await StrangersShellAsync(stranger, Ask("inside.db", 5432, SslRequest))).ShouldNotContain("S");
        (await StrangersShellAsync(stranger, Ask(address, 5432, SslRequest))).ShouldNotContain("S");

        // Neither a restart of the server nor the death of the switch changes that.
        await cloud.PostAsync($"/v1/databases/{id}/restart?wait=60", null, HttpStatusCode.OK);
        (await cloud.ShellAsync(guest, Ask("inside.db", 5432, SslRequest))).ShouldBe("S");
        var lost = SwitchProcess();
        lost.Kill();
        await lost.WaitForExitAsync();
        await EventuallyAsync(async () => await cloud.ShellAsync(guest, Ask("inside.db", 5432, SslRequest)) == "S");

        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/databases/{id}?wait=120&finalBackup=false")).Status
            .ShouldBe(HttpStatusCode.NoContent);
        await EventuallyAsync(
            async () => (await cloud.ShellAsync(guest, "nslookup inside.db")).Contains("NXDOMAIN", StringComparison.Ordinal));
        await cloud.SendAsync(
            HttpMethod.Delete, $"/v1/databases/{made[1].GetProperty("id").GetString()}?wait=120&finalBackup=false");
        await cloud.DeleteInstanceAsync(guest);
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/instances/{stranger}?wait=60&project=strangers")).Status
            .ShouldBe(HttpStatusCode.NoContent);
    }

    /// <summary>A guest's command that says these bytes to a server and prints the first byte of the answer.</summary>
    private static string Ask(string host, int port, IEnumerable<byte> bytes) =>
        $"{{ printf '{string.Concat(bytes.Select(one => $"\\{Convert.ToString(one, 8).PadLeft(3, '0')}"))}'; sleep 1; }} "
        + $"| nc -w 5 {host} {port} 2>&1 | head -c 1";

    private async Task<string> StrangersShellAsync(string instance, string script) => (await cloud.PostAsync(
        $"/v1/instances/{instance}/exec?project=strangers", new { command = new[] { "/bin/sh", "-c", script } }, HttpStatusCode.OK))
        .GetProperty("stdout").GetString()!;

    private async Task<string> ConsoleAsync(string instance) => await cloud.Http.GetStringAsync($"/v1/instances/{instance}/console");

    private Process SwitchProcess() => Process.GetProcessById(int.Parse(
        File.ReadAllText(Path.Combine(cloud.Data, "host", "switch", "switch.pid")), CultureInfo.InvariantCulture));

    private static async Task EventuallyAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), limit.Token);
        }
    }

    private async Task UntilArchivedAsync(string id, DateTime at)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (DateTime.Parse(
            (await cloud.GetAsync($"/v1/databases/{id}/recovery-window")).GetProperty("latest").GetString()!,
            CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal) < at)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), limit.Token);
        }
    }

    private static string TextOf(string url)
    {
        var uri = new Uri(url);
        var user = uri.UserInfo.Split(':');
        return $"Host={uri.Host};Port={uri.Port};Username={user[0]};Password={user[1]};Database={uri.AbsolutePath[1..]};SSL Mode=Require;"
            + "Pooling=false";
    }

    private static async Task SqlAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
