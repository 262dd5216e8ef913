using System.Diagnostics;
using System.Globalization;
using System.Net;
using Npgsql;

namespace Cloud.EndToEnd.Tests;

/// <summary>Databases, all services in one process.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LocalDatabaseTests(LocalCloud cloud) : DatabaseTests(cloud)
{
    [Fact]
    public Task Server_IsHeldToItsTypeAndSize_ReachesNothing_AndOutlivesAllThatIsKilled() => IsHeldAndOutlivesAsync();
}

/// <summary>Databases, each service in a process of its own.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedDatabaseTests(DistributedCloud cloud) : DatabaseTests(cloud);

/// <summary>A real server, archived in the real object storage.</summary>
public abstract class DatabaseTests(CloudUnderTest cloud)
{
    private const string Image = "postgresql-15-container";
    private const string RedisImage = "redis-7-container";

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
        await cloud.ImageIsBuiltAsync(Image);
        var made = await cloud.PostAsync("/v1/databases?wait=120", new { name = "orders" });
        made.GetProperty("status").GetString().ShouldBe("available", made.ToString());
        made.GetProperty("placement").GetString().ShouldBe("container", made.ToString());
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

        var clone = await cloud.PostAsync($"/v1/databases/{id}/clone?wait=60", new { name = "orders-too" });
        clone.GetProperty("status").GetString().ShouldBe("available", clone.ToString());

        // The archive is nobody's to read.
        var buckets = await cloud.GetAsync("/v1/buckets");
        buckets.GetProperty("items").EnumerateArray().ShouldAllBe(
            bucket => !bucket.GetProperty("name").GetString()!.StartsWith("cloud-private", StringComparison.Ordinal));
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/databases/{id}?wait=120&finalBackup=false")).Status
            .ShouldBe(HttpStatusCode.NoContent);
        Directory.Exists(Path.Combine(cloud.Data, "databases", id)).ShouldBeFalse();

        // The clone's volume shared blocks with what is gone now.
        var copy = clone.GetProperty("id").GetString()!;
        await cloud.PostAsync($"/v1/databases/{copy}/restart?wait=60", null, HttpStatusCode.OK);
        await using var there = new NpgsqlConnection(TextOf(clone.GetProperty("connectionString").GetString()!));
        await there.OpenAsync();
        await using var same = new NpgsqlCommand("SELECT sum(n) FROM orders", there);
        (await same.ExecuteScalarAsync()).ShouldBe(6L);
        await there.CloseAsync();
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/databases/{copy}?wait=120&finalBackup=false")).Status
            .ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Redis_GoesBackToBeforeAFlush_AlsoAfterTheServiceWasKilled_AndIsCloned()
    {
        await cloud.ImageIsBuiltAsync(RedisImage);
        var made = await cloud.PostAsync("/v1/databases?wait=120", new { name = "visits", engine = "redis", type = "nano" });
        made.GetProperty("status").GetString().ShouldBe("available", made.ToString());
        made.GetProperty("placement").GetString().ShouldBe("container", made.ToString());
        var (id, url) = (made.GetProperty("id").GetString()!, made.GetProperty("connectionString").GetString()!);
        (await RedisAsync(url, "SET", "first", "1")).ShouldBe("OK");
        var server = ServerProcesses.Redis(id);
        ServerProcesses.MemoryLimitOf(server.Id).ShouldBe(128L << 20);
        ServerProcesses.NetworksOf(server.Id).ShouldBe(["lo"]);

        // Its server outlives the service, and comes back by its container's first process.
        await cloud.KillAsync(cloud.Units.ContainsKey("cloud") ? "cloud" : "database");
        (await RedisAsync(url, "SET", "second", "2")).ShouldBe("OK");
        server.Kill();
        await server.WaitForExitAsync();
        await EventuallyAsync(async () => await RedisAsync(url, "GET", "second") == "2");
        await cloud.UpAsync();
        (await RedisAsync(url, "SET", "third", "3")).ShouldBe("OK");
        var second = DateTimeOffset.FromUnixTimeSeconds(long.Parse(
            (await RedisAsync(url, "TIME")).Split('\n')[0], CultureInfo.InvariantCulture)).UtcDateTime;
        await EventuallyAsync(async () => !(await RedisAsync(url, "TIME")).StartsWith(
            new DateTimeOffset(second).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
        (await RedisAsync(url, "FLUSHALL")).ShouldBe("OK");
        await UntilArchivedAsync(id, second.AddSeconds(1));

        var restored = await cloud.PostAsync(
            $"/v1/databases/{id}/restore?wait=120", new { to = second, inPlace = true }, HttpStatusCode.OK);

        restored.GetProperty("status").GetString().ShouldBe("available", restored.ToString());
        (await RedisAsync(url, "MGET", "first", "second", "third")).ShouldBe("1\n2\n3");
        var clone = await cloud.PostAsync($"/v1/databases/{id}/clone?wait=60", new { name = "visits-too" });
        clone.GetProperty("status").GetString().ShouldBe("available", clone.ToString());
        (await RedisAsync(clone.GetProperty("connectionString").GetString()!, "DBSIZE")).ShouldBe("3");
        foreach (var one in new[] { id, clone.GetProperty("id").GetString()! })
        {
            (await cloud.SendAsync(HttpMethod.Delete, $"/v1/databases/{one}?wait=120&finalBackup=false")).Status
                .ShouldBe(HttpStatusCode.NoContent);
            ServerProcesses.In(cloud.Data)[one].ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task Database_IsReachedByItsProjectsInstances_ByName_AndByNobodyElses()
    {
        await cloud.ImageIsBuiltAsync(RedisImage);
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

    protected async Task IsHeldAndOutlivesAsync()
    {
        await cloud.ImageIsBuiltAsync(Image);
        var made = await cloud.PostAsync("/v1/databases?wait=120", new { name = "held", type = "nano", sizeBytes = "128Mi" });
        made.GetProperty("placement").GetString().ShouldBe("container", made.ToString());
        var id = made.GetProperty("id").GetString()!;
        var text = TextOf(made.GetProperty("connectionString").GetString()!);
        await using var connection = new NpgsqlConnection(text);
        await connection.OpenAsync();
        await SqlAsync(connection, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)");
        var server = ServerProcesses.Postmaster(id);
        ServerProcesses.MemoryLimitOf(server.Id).ShouldBe(128L << 20);
        ServerProcesses.NetworksOf(server.Id).ShouldBe(["lo"]);
        var refused = await Should.ThrowAsync<PostgresException>(() => SqlAsync(connection, "COPY kept FROM PROGRAM 'id'"));
        refused.SqlState.ShouldBe(PostgresErrorCodes.InsufficientPrivilege);

        // Whoever manages it can go; a connection does not notice.
        await cloud.KillAsync(cloud.Units.ContainsKey("cloud") ? "cloud" : "host");
        await SqlAsync(connection, "INSERT INTO kept VALUES (2)");
        await cloud.UpAsync();
        await SqlAsync(connection, "INSERT INTO kept VALUES (3)");
        await connection.CloseAsync();

        // The server comes back by its container's first process, the container by its host.
        server.Kill();
        await server.WaitForExitAsync();
        await EventuallyAsync(async () => await SumAsync(text) == 6);
        var second = ServerProcesses.Postmaster(id);
        ServerProcesses.ShimOf(second.Id).Kill();
        await second.WaitForExitAsync();
        await EventuallyAsync(async () => await SumAsync(text) == 6);

        // What does not fit is refused, or ends as a full disk does; what was there stays.
        await Should.ThrowAsync<NpgsqlException>(async () =>
        {
            await using var filling = new NpgsqlConnection(text);
            await filling.OpenAsync();
            await SqlAsync(filling, "CREATE TABLE filled (t text)");
            for (var at = 0; at < 200; at++)
            {
                await SqlAsync(filling, "INSERT INTO filled SELECT repeat(md5(n::text), 32) FROM generate_series(1, 2000) n");
            }
        });
        await EventuallyAsync(
            async () => (await cloud.GetAsync($"/v1/databases/{id}")).GetProperty("status").GetString() == "read-only");
        var larger = await cloud.PostAsync($"/v1/databases/{id}/resize?wait=60", new { sizeBytes = "512Mi" }, HttpStatusCode.OK);
        larger.GetProperty("sizeBytes").GetInt64().ShouldBe(512L << 20);
        await EventuallyAsync(
            async () => (await cloud.GetAsync($"/v1/databases/{id}")).GetProperty("status").GetString() == "available");
        (await SumAsync(text)).ShouldBe(6);
        ServerProcesses.VolumeBytesOf(ServerProcesses.Postmaster(id).Id, id).ShouldBeGreaterThan(512L << 20);

        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/databases/{id}?wait=120&finalBackup=false")).Status
            .ShouldBe(HttpStatusCode.NoContent);
        ServerProcesses.In(cloud.Data)[id].ShouldBeEmpty();
    }

    /// <summary>Null where no server answers.</summary>
    private static async Task<long?> SumAsync(string text)
    {
        try
        {
            await using var connection = new NpgsqlConnection(text);
            await connection.OpenAsync();
            await using var sum = new NpgsqlCommand("SELECT sum(n) FROM kept", connection);
            return (long)(await sum.ExecuteScalarAsync())!;
        }
        catch (NpgsqlException)
        {
            return null;
        }
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

    /// <summary>What the server answers, or why there is no answer.</summary>
    private static async Task<string> RedisAsync(string url, params IReadOnlyList<string> words)
    {
        using var client = Process.Start(
            new ProcessStartInfo("redis-cli", ["--no-auth-warning", "--insecure", "-u", url, .. words])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        var errors = client.StandardError.ReadToEndAsync();
        var answer = await client.StandardOutput.ReadToEndAsync();
        await client.WaitForExitAsync();
        return (answer + await errors).Trim();
    }

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
