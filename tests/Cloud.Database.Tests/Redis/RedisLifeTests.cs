using System.Diagnostics;
using System.Net;
using Cloud.Database.Redis;
using Cloud.Database.Servers;
using Cloud.Database.Tests.Kit;
using Cloud.Primitives;

namespace Cloud.Database.Tests.Redis;

/// <summary>Redis servers that are processes.</summary>
public sealed class RedisProcessLifeTests(DatabaseServices services) : RedisLifeTests(services, DatabasePlacement.Process);

/// <summary>Redis servers in containers.</summary>
[Collection(Contained)]
public sealed class RedisContainerLifeTests(DatabaseServices services) : RedisLifeTests(services, DatabasePlacement.Container);

/// <summary>Redis servers behind the same calls as PostgreSQL's.</summary>
public abstract class RedisLifeTests(DatabaseServices services, DatabasePlacement placement) : RedisTest(services, placement)
{
    [Fact]
    public async Task Create_AnswersWhatRedisCliTakesAtOnce_AndEverythingKeepsWhatWasWritten()
    {
        var made = await CreateRedisAsync(new Dictionary<string, string> { ["maxmemory-policy"] = "allkeys-lru" });
        var (id, url) = (IdOf(made), UrlOf(made));
        made.GetProperty("version").GetString().ShouldBe("7.0");
        var authority = Path.GetTempFileName();
        await File.WriteAllTextAsync(authority, (await GetAsync($"/v1/databases/{id}/ca-certificate")).GetString());
        (await CliAsync(url, authority, "SET", "greeting", "hello there")).ShouldBe("OK");
        (await CliAsync(url, authority, "GET", "greeting")).ShouldBe("hello there");
        UrlOf(await GetAsync($"/v1/databases/{id}")).ShouldBe($"rediss://app@127.0.0.1:{made.GetProperty("port").GetInt32()}");
        var row = await Service.RowAsync(id);
        if (ServerPrograms.IsRoot)
        {
            var uid = InContainers ? LoopVolumes.Uid : row.ServerUid;
            (await File.ReadAllTextAsync($"/proc/{await ProcessOfAsync(id)}/status")).ShouldContain($"Uid:\t{uid}\t");
        }

        await ActAsync(id, "stop", status: "stopped");
        await Should.ThrowAsync<CloudException>(() => SayAsync(url, "PING"));
        await ActAsync(id, "start");
        await SendAsync(HttpMethod.Patch, $"/v1/databases/{id}", new
        {
            parameters = new Dictionary<string, string?> { ["maxmemory-policy"] = null, ["slowlog-log-slower-than"] = "0" },
        });
        await ActAsync(id, "resize", new { type = "small", sizeBytes = "2Gi" });
        (await SayAsync(url, "GET", "greeting")).ShouldBe("hello there");
        var metrics = await GetAsync($"/v1/databases/{id}/metrics");
        metrics.GetProperty("keys").GetInt64().ShouldBe(1);
        metrics.GetProperty("memoryBytes").GetInt64().ShouldBeGreaterThan(100_000);
        metrics.GetProperty("cacheHitRatio").GetDouble().ShouldBe(1);
        (await GetAsync($"/v1/databases/{id}/queries")).GetProperty("items").EnumerateArray()
            .ShouldContain(query => query.GetProperty("query").GetString() == "GET greeting");
        (await GetAsync($"/v1/databases/{id}/logs")).GetString()!.ShouldContain("Ready to accept connections");
        RefusalOf(await SendAsync(HttpMethod.Get, $"/v1/databases/{id}/databases"), HttpStatusCode.Conflict).ShouldBe("wrong-engine");

        // Of the database that is gone its final backup is there, with who its users are.
        await DeleteAsync(id);
        await ActAsync(id, "undelete");
        (await CliAsync(url, authority, "GET", "greeting")).ShouldBe("hello there");
        await DropAsync(made);
        File.Delete(authority);
    }

    [Fact]
    public async Task Tenants_ReachNothingOfTheHost_AndUsersComeAndGo()
    {
        const string Password = "it's \"quoted\" \\ ünïcödé >x #y €";
        var made = await CreateRedisAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        var user = await PostAsync($"/v1/databases/{id}/users", new { name = "report", password = Password }, HttpStatusCode.Created);
        (await SayAsync(UrlOf(user), "SET", "n1", "x")).ShouldBe("OK");
        RefusalOf(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/users", new { name = "report" }), HttpStatusCode.Conflict)
            .ShouldBe("name-taken");

        foreach (var theirs in new[] { url, UrlOf(user) })
        {
            await using var connection = await OpenAsync(theirs);
            foreach (var command in new[]
            {
                "CONFIG GET dir", "CONFIG SET dir /tmp", "SAVE", "BGSAVE", "BGREWRITEAOF", "MODULE LOAD /tmp/x.so", "DEBUG SLEEP 0",
                "REPLICAOF 127.0.0.1 1", "MIGRATE 127.0.0.1 1 a 0 1", "ACL LIST", "SHUTDOWN", "MONITOR", "PSYNC ? -1", "CLIENT KILL ID 1",
                "SLOWLOG GET", "FAILOVER",
            })
            {
                (await Should.ThrowAsync<RedisException>(() => connection.SendAsync(default, command.Split(' ')), command))
                    .Message.ShouldMatch("^(NOPERM|ERR DEBUG|ERR MODULE)", command);
            }
        }

        // Users are the same after a start.
        await ActAsync(id, "restart");
        var rotated = await PostAsync($"/v1/databases/{id}/rotate-password");
        await Should.ThrowAsync<CloudException>(() => SayAsync(url, "PING"));
        (await SayAsync(UrlOf(rotated), "GET", "n1")).ShouldBe("x");
        (await SayAsync(UrlOf(user), "GET", "n1")).ShouldBe("x");
        (await GetAsync($"/v1/databases/{id}/users")).GetProperty("items").EnumerateArray()
            .Select(one => one.GetProperty("name").GetString()).ShouldBe(["app", "report"]);
        (await SendAsync(HttpMethod.Delete, $"/v1/databases/{id}/users/report")).Status.ShouldBe(HttpStatusCode.NoContent);
        await Should.ThrowAsync<CloudException>(() => SayAsync(UrlOf(user), "PING"));
        await DropAsync(made);
    }

    [Fact]
    public async Task BadInput_IsNamed()
    {
        ShouldName(await SendAsync(HttpMethod.Post, "/v1/databases", new { name = "x", engine = "redis", version = "15" }), "version");
        foreach (var (name, value) in new[]
        {
            ("maxmemory-policy", "plenty"), ("timeout", "soon"), ("maxclients", "20000"), ("dir", "/tmp"), ("appendfsync", "no"),
            ("notify-keyspace-events", "a\nb"), ("work_mem", "4MB"), ("rename-command", "x"),
        })
        {
            ShouldName(
                await SendAsync(
                    HttpMethod.Post, "/v1/databases",
                    new { name = "x", engine = "redis", parameters = new Dictionary<string, string> { [name] = value } }),
                $"parameters.{name}");
        }
    }

    [Fact]
    public async Task FullDatabase_IsRead_AndWrittenAgainAfterAResize()
    {
        var made = await CreateAsync(new { name = NewName("cache"), engine = "redis", sizeBytes = "128Mi", type = "small" });
        var (id, url) = (IdOf(made), UrlOf(made));
        var value = new string('x', 1 << 20);

        // More than its size, and less than its memory.
        const int Keys = 160;
        await using (var writer = await OpenAsync(url))
        {
            // Its writes are refused, or its session ends.
            var refused = await Should.ThrowAsync<Exception>(async () =>
            {
                for (var n = 1; ; n++)
                {
                    await writer.SendAsync(default, "SET", Key(n % Keys), value);
                }
            });
            (refused is CloudException || refused.Message.StartsWith("NOREPLICAS", StringComparison.Ordinal)).ShouldBeTrue(refused.Message);
        }

        await UntilAsync(id, "read-only");
        (await SayAsync(url, "STRLEN", "n1")).ShouldBe((long)value.Length);
        (await Should.ThrowAsync<RedisException>(() => SayAsync(url, "SET", "other", "x"))).Message.ShouldStartWith("NOREPLICAS");
        await PostAsync($"/v1/databases/{id}/resize?wait=60", new { sizeBytes = "1Gi" });
        await UntilAsync(id, "available");
        (await SayAsync(url, "SET", "other", "x")).ShouldBe("OK");
        await DropAsync(made);
    }

    private static async Task<string> CliAsync(string url, string authority, params IReadOnlyList<string> words)
    {
        using var cli = Process.Start(new ProcessStartInfo("redis-cli", ["--no-auth-warning", "--cacert", authority, "-u", url, .. words])
        {
            RedirectStandardOutput = true,
        })!;
        var output = await cli.StandardOutput.ReadToEndAsync();
        await cli.WaitForExitAsync();
        return output.Trim();
    }
}
