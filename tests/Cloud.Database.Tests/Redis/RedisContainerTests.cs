using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Cloud.Compute.Contracts;
using Cloud.Database.Servers;
using Cloud.Database.Tests.Kit;
using Cloud.Testing;

namespace Cloud.Database.Tests.Redis;

/// <summary>What only Redis servers in containers do.</summary>
[Collection(Contained)]
public sealed class RedisContainerTests(DatabaseServices services) : RedisTest(services, DatabasePlacement.Container)
{
    private const int Each = 20;
    private const string Image = "redis-7-container";
    private const string ServiceProject = "prj-redis-restart";

    [Fact]
    public async Task KilledContainer_ComesBackWithEveryAcknowledgedWrite_AlsoInTheArchive_AndLeavesNothing()
    {
        var made = await CreateRedisAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        Services.Containers.MemoryLimitOf($"{id}-1").ShouldBe(256L << 20);
        using var over = new CancellationTokenSource();
        var acknowledged = new HashSet<int>();
        var writing = KeepWritingAsync(url, 0, acknowledged, over.Token);
        await Task.Delay(TimeSpan.FromMilliseconds(300), TestContext.Current.CancellationToken);

        await Services.Containers.KillAsync($"{id}-1");

        await over.CancelAsync();
        await writing;
        await Eventually.HoldsAsync(() => AnswersAsync(url), "the container runs again");
        acknowledged.Count.ShouldBeGreaterThan(0);
        acknowledged.Except(await NumbersAsync(url)).ShouldBeEmpty();
        await WriteAsync(url, 100_000, Each);
        var window = await GetAsync($"/v1/databases/{id}/recovery-window");
        var other = await RestoreAsNewAsync(id, window.GetProperty("latest").GetDateTimeOffset());
        (await NumbersAsync(UrlOf(other))).ShouldBe(await NumbersAsync(url));
        await DropAsync(other, made);
        LeftOf(id).Concat(LeftOf(IdOf(other))).ShouldBeEmpty();
    }

    [Fact]
    public async Task RestartOfTheService_DisturbsNoConnection_AndLeavesNoHoleInTheArchive()
    {
        // Of its own: a service removes containers that are none of its databases'.
        await using var volumes = new LoopVolumes(Services.NewFolder());
        await using var containers = new RuncInstances(Services.NewFolder(), volumes);
        var data = Services.NewFolder();
        var first = await DatabaseUnderTest.StartAsync(data, instances: containers, volumes: volumes);
        var (status, made) = await first.SendAsync(
            HttpMethod.Post, "/v1/databases?wait=120", new { name = "kept", engine = "redis" }, ServiceProject);
        status.ShouldBe(HttpStatusCode.Created, made.ToString());
        using var authority = ServerCertificatesOf(first).AuthorityCertificate();
        await using var connection = await OpenAsync(UrlOf(made), authority);
        await WriteAsync(connection, 0, Each);

        await first.DisposeAsync();
        await WriteAsync(connection, Each, Each);
        await using var second = await DatabaseUnderTest.StartAsync(data, instances: containers, volumes: volumes);
        await WriteAsync(connection, 2 * Each, Each);

        var path = $"/v1/databases/{IdOf(made)}";
        var (_, window) = await second.SendAsync(HttpMethod.Get, $"{path}/recovery-window", null, ServiceProject);
        var (_, restored) = await second.SendAsync(
            HttpMethod.Post, $"{path}/restore?wait=120", new { to = window.GetProperty("latest").GetString(), name = "again" },
            ServiceProject);
        StatusOf(restored).ShouldBe("available", restored.ToString());
        await using (var again = await OpenAsync(UrlOf(restored), authority))
        {
            (await NumbersAsync(again)).ShouldBe(Enumerable.Range(0, 3 * Each));
        }

        foreach (var id in new[] { IdOf(made), IdOf(restored) })
        {
            await second.SendAsync(HttpMethod.Delete, $"/v1/databases/{id}?wait=120&finalBackup=false", null, ServiceProject);
        }

        containers.Names.Concat(volumes.Names).ShouldBeEmpty();
    }

    [Fact]
    public async Task IdleServer_CostsNoPrograms_UntilItIsWrittenTo()
    {
        var made = await CreateRedisAsync();
        var (id, container) = (IdOf(made), $"{IdOf(made)}-1");
        var count = -1;
        await Eventually.HoldsAsync(
            async () =>
            {
                var before = Services.Containers.CommandsIn(container);
                await Task.Delay(TimeSpan.FromSeconds(5));
                count = Services.Containers.CommandsIn(container);
                return count == before;
            },
            "more than two rounds of those that look after it ran no program");
        (await GetAsync($"/v1/databases/{id}/metrics")).GetProperty("usedBytes").GetInt64().ShouldBeInRange(1, 128 << 20);
        await GetAsync($"/v1/databases/{id}/recovery-window");
        Services.Containers.CommandsIn(container).ShouldBe(count);

        await WriteAsync(UrlOf(made), 0, 1);

        await Eventually.HoldsAsync(
            () => Task.FromResult(Services.Containers.CommandsIn(container) > count), "what was written is stored");
        await DropAsync(made);
    }

    [Fact]
    public async Task HalfACommandAtTheEnd_IsCutOff_BeforeTheLogIsSaidToBeWhole()
    {
        var made = await CreateRedisAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await WriteAsync(url, 0, Each);
        await RunAsync(id, ServerContainers.ServerProgram, "stop");
        var volume = Services.Volumes.PathOf($"{id}-1");
        File.Exists(Path.Combine(volume, "whole")).ShouldBeTrue();
        var log = Directory.GetFiles(Path.Combine(volume, "data", ServerFolder.AppendOnlyName), "*.incr.aof").Single();
        var length = new FileInfo(log).Length;

        // As one that was killed leaves it.
        File.Delete(Path.Combine(volume, "whole"));
        await File.AppendAllTextAsync(log, "*3\r\n$3\r\nSET\r\n$2\r\nn", TestContext.Current.CancellationToken);
        await RunAsync(id, ServerContainers.FilesProgram, "stop", $"/srv/{id}/1");

        new FileInfo(log).Length.ShouldBe(length);
        await ActAsync(id, "stop", status: "stopped");
        await ActAsync(id, "start");
        await WriteAsync(url, Each, Each);
        (await NumbersAsync(url)).ShouldBe(Enumerable.Range(0, 2 * Each));
        await DropAsync(made);
    }

    [Fact]
    public async Task RenamedDatabase_HasItsNewNamesCertificate_WithoutARestart()
    {
        var made = await CreateRedisAsync();
        var name = NewName("renamed");
        await using var connection = await OpenAsync(UrlOf(made));
        (await IsCertifiedAsync(made, $"{made.GetProperty("name").GetString()}.db")).ShouldBeTrue();
        (await IsCertifiedAsync(made, $"{name}.db")).ShouldBeFalse();

        var (status, answer) = await SendAsync(HttpMethod.Patch, $"/v1/databases/{IdOf(made)}", new { name });

        status.ShouldBe(HttpStatusCode.OK, answer.ToString());
        await Eventually.HoldsAsync(() => IsCertifiedAsync(made, $"{name}.db"), "another certificate");
        (await connection.SendAsync(default, "PING")).ShouldBe("PONG");
        await DropAsync(made);
    }

    [Fact]
    public async Task Clone_SharesTheVolumeOfTheMoment_AndIsFilledWhereItsHostHasNoRoom()
    {
        var made = await CreateRedisAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await PostAsync($"/v1/databases/{id}/users", new { name = "report", password = "kept-of-the-source" }, HttpStatusCode.Created);
        await WriteAsync(url, 0, Each);

        var shared = await CloneAsync(id);
        Services.Containers.RefusalsOfHost[Image] = "it is full.";
        var filled = await CloneAsync(id);
        Services.Containers.RefusalsOfHost.TryRemove(Image, out _);

        Services.Volumes.SourceOf($"{IdOf(shared)}-1").ShouldBe($"{id}-1");
        Services.Volumes.SourceOf($"{IdOf(filled)}-1").ShouldBeNull();
        await WriteAsync(url, 1000, 1);
        foreach (var clone in new[] { shared, filled })
        {
            (await NumbersAsync(UrlOf(clone))).ShouldBe(Enumerable.Range(0, Each));
            await WriteAsync(UrlOf(clone), 500, 1);
            var users = await GetAsync($"/v1/databases/{IdOf(clone)}/users");
            users.GetProperty("items").EnumerateArray().Select(one => one.GetProperty("name").GetString()).ShouldBe(["app", "report"]);
            var report = new UriBuilder(UrlOf(clone)) { UserName = "report", Password = "kept-of-the-source" }.Uri.ToString();
            (await SayAsync(report, "GET", Key(500))).ShouldBe("x");
            await WindowOpensAsync(IdOf(clone));
        }

        await DropAsync(made);
        await ActAsync(IdOf(shared), "restart");
        (await NumbersAsync(UrlOf(shared))).ShouldBe([.. Enumerable.Range(0, Each), 500]);
        await DropAsync(shared, filled);
    }

    [Fact]
    public async Task WhereNoContainerCanBe_TheServerIsAProcess_AndItsCloneAContainerOnceOneCan()
    {
        Services.Containers.Refusals[Image] = "there is no room.";
        var made = await CreateAsync(new { name = NewName("cache"), engine = "redis" });
        Services.Containers.Refusals.TryRemove(Image, out _);
        made.GetProperty("placement").GetString().ShouldBe("process");
        made.GetProperty("placementReason").GetString()!.ShouldContain("there is no room.");
        await WriteAsync(UrlOf(made), 0, Each);

        var clone = await CloneAsync(IdOf(made));

        clone.GetProperty("placement").GetString().ShouldBe("container", clone.ToString());
        (await NumbersAsync(UrlOf(clone))).ShouldBe(Enumerable.Range(0, Each));

        // It stays a process for life.
        await ActAsync(IdOf(made), "restart");
        (await GetAsync($"/v1/databases/{IdOf(made)}")).GetProperty("placement").GetString().ShouldBe("process");
        (await NumbersAsync(UrlOf(made))).ShouldBe(Enumerable.Range(0, Each));
        await DropAsync(clone, made);
    }

    /// <summary>Whether a client believes that the server is this host, who believes the service's authority.</summary>
    private async Task<bool> IsCertifiedAsync(JsonElement database, string host)
    {
        using var authority = ServerCertificatesOf(Service).AuthorityCertificate();
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, database.GetProperty("port").GetInt32());
        await using var tls = new SslStream(socket.GetStream());
        try
        {
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = host,
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { authority },
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            });
            return true;
        }
        catch (AuthenticationException)
        {
            return false;
        }
    }

    private async Task<JsonElement> CloneAsync(string id)
    {
        var clone = await PostAsync($"/v1/databases/{id}/clone?wait=120", new { name = NewName("clone") }, HttpStatusCode.Created);
        StatusOf(clone).ShouldBe("available", clone.ToString());
        return clone;
    }

    private async Task RunAsync(string id, params IReadOnlyList<string> command)
    {
        var end = await Services.Containers.RunAsync(
            "", $"{id}-1", new ContainerCommand(command), null, null, TestContext.Current.CancellationToken);
        end.ExitCode.ShouldBe(0, end.ErrorTail);
    }

    private List<string> LeftOf(string id) => Services.Containers.Names.Concat(Services.Volumes.Names)
        .Where(name => name.StartsWith(id, StringComparison.Ordinal)).ToList();
}
