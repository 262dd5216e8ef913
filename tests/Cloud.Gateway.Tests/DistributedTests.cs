using System.Net;
using System.Text.Json;
using Cloud.Gateway.Tests.Sample;
using Cloud.Testing;
using Cloud.Testing.Servers;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Gateway.Tests;

/// <summary>A PostgreSQL and a RabbitMQ for all tests of the class.</summary>
public sealed class DistributedServers : IAsyncLifetime
{
    public PrivatePostgres Postgres { get; private set; } = null!;

    public PrivateRabbitMq RabbitMq { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var (postgres, rabbitMq) = (PrivatePostgres.StartNewAsync(), PrivateRabbitMq.StartNewAsync());
        (Postgres, RabbitMq) = (await postgres, await rabbitMq);
    }

    public async ValueTask DisposeAsync()
    {
        await Postgres.DisposeAsync();
        await RabbitMq.DisposeAsync();
    }

    /// <summary>A gateway with a service behind it, on both servers; another call starts replicas of both.</summary>
    public Task<GatewayUnderTest> StartAsync(string folder) => GatewayUnderTest.StartAsync(
        proxied: true, folder, ("Cloud:Postgres", Postgres.ConnectionString), ("Cloud:RabbitMq", RabbitMq.Uri));
}

/// <summary>What must hold between processes: replicas of the gateway and of a service, on PostgreSQL and RabbitMQ.</summary>
public sealed class DistributedTests(DistributedServers servers) : IClassFixture<DistributedServers>, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = GatewayUnderTest.NewFolder();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Event_ReachesTheStreamsOfAllReplicas_AndIsResumedOnAnother()
    {
        await using var one = await servers.StartAsync(_folder);
        await using var two = await servers.StartAsync(_folder);
        await using var first = await EventStream.OpenAsync(one, FakeTokenExchange.Editor);
        await using var second = await EventStream.OpenAsync(two, FakeTokenExchange.Editor);
        await MakeAsync(one, "replica-one");
        var seen = new[] { await first.NextAsync(), await second.NextAsync() };
        seen[1].Id.ShouldBe(seen[0].Id);
        seen.ShouldAllBe(happened => happened.Data.GetProperty("data").GetProperty("name").GetString() == "replica-one");

        await MakeAsync(two, "replica-two");
        await using var resumed = await EventStream.OpenAsync(two, FakeTokenExchange.Editor, lastEventId: seen[0].Id);
        (await resumed.NextAsync()).Data.GetProperty("data").GetProperty("name").GetString().ShouldBe("replica-two");
    }

    [Fact]
    public async Task Events_RecordedByTwoReplicasAtOnce_AreMissedByNoReader()
    {
        const int Count = 200;
        await using var one = await servers.StartAsync(_folder);
        await using var two = await servers.StartAsync(_folder);
        await using var live = await EventStream.OpenAsync(one, FakeTokenExchange.Other, "?type=note.created");
        await Parallel.ForAsync(0, Count, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (number, _) =>
            await MakeAsync(number % 2 == 0 ? one : two, $"many-{number}", FakeTokenExchange.Other));
        var names = new HashSet<string>();
        var last = 0L;
        while (names.Count < Count)
        {
            var happened = await live.NextAsync();
            long.Parse(happened.Id).ShouldBeGreaterThan(last);
            last = long.Parse(happened.Id);
            names.Add(happened.Data.GetProperty("data").GetProperty("name").GetString()!).ShouldBeTrue();
        }
    }

    [Fact]
    public async Task Refusal_ReachesTheServiceThatKeepsTheAuditLog()
    {
        await using var cloud = await servers.StartAsync(_folder);
        (await cloud.GetAsync("/v1/instances", "tok-guess")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await cloud.PostAsync("/v1/instances", new { name = "a" }, FakeTokenExchange.Viewer))
            .StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        using var limit = new CancellationTokenSource(Patience);
        while (cloud.Sample.Refused.Count < 2)
        {
            await Task.Delay(20, limit.Token);
        }

        cloud.Sample.Refused.Select(call => call.Status).ShouldBe([401, 403], ignoreOrder: true);
    }

    [Fact]
    public async Task SameKeyAtTwoReplicasOfAService_MakesOne()
    {
        await using var one = await servers.StartAsync(_folder);
        await using var two = await servers.StartAsync(_folder);
        for (var round = 0; round < 20; round++)
        {
            var name = $"once-{round}";
            var answers = await Task.WhenAll(new[] { one, two, one, two }.Select(cloud =>
                cloud.PostAsync("/v1/instances", new { name }, FakeTokenExchange.Editor, ("Idempotency-Key", name))));
            answers.ShouldAllBe(answer => answer.StatusCode == HttpStatusCode.Created);
            (await one.QueryAsync(db => db.Notes.CountAsync(note => note.Name == name))).ShouldBe(1);
        }
    }

    [Fact]
    public async Task Health_ShowsTheServers()
    {
        await using var cloud = await servers.StartAsync(_folder);
        var text = "";
        await Eventually.HoldsAsync(
            async () =>
            {
                using var ready = await cloud.GetAsync("/health/ready", null);
                text = await ready.Content.ReadAsStringAsync();
                return ready.StatusCode == HttpStatusCode.OK;
            },
            "the gateway is ready");
        using var health = JsonDocument.Parse(text);
        foreach (var part in new[] { "gateway-database", "bus", "compute" })
        {
            health.RootElement.GetProperty("parts").GetProperty(part).GetProperty("status").GetString().ShouldBe("ready", text);
        }
    }

    private static async Task MakeAsync(GatewayUnderTest cloud, string name, string token = FakeTokenExchange.Editor)
    {
        using var answer = await cloud.PostAsync("/v1/instances", new { name }, token);
        answer.StatusCode.ShouldBe(HttpStatusCode.Created, await answer.Content.ReadAsStringAsync());
    }
}
