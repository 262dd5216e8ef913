using System.Diagnostics;
using System.Net;
using Cloud.Gateway.Events;
using Cloud.Gateway.Tests.Sample;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Gateway.Tests;

public sealed class EventTests
{
    [Fact]
    public async Task Change_IsStreamedAtOnceAndInOrder()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        await using var events = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor);
        var waits = new List<double>();
        for (var number = 0; number < 20; number++)
        {
            var clock = Stopwatch.StartNew();
            await MakeAsync(cloud, $"note-{number}");
            var made = await events.NextAsync();
            waits.Add(clock.Elapsed.TotalMilliseconds);
            made.Data.GetProperty("type").GetString().ShouldBe("note.created");
            made.Data.GetProperty("data").GetProperty("name").GetString().ShouldBe($"note-{number}");
            made.Data.GetProperty("resource").GetString().ShouldBe(made.Data.GetProperty("data").GetProperty("id").GetString());
            made.Data.GetProperty("actor").GetString().ShouldBe("usr-editor");
            made.Data.GetProperty("id").GetString().ShouldBe(made.Id);
            made.Id.ShouldBe($"{number + 1}");
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"call to event, ms: {string.Join(' ', waits.Select(wait => $"{wait:0.0}"))}");
    }

    [Fact]
    public async Task Stream_ResumedAcrossRestart_MissesAndRepeatsNothing()
    {
        var folder = GatewayUnderTest.NewFolder();
        try
        {
            string last;
            await using (var first = await GatewayUnderTest.StartAsync(folder: folder))
            {
                await using var events = await EventStream.OpenAsync(first, FakeTokenExchange.Editor);
                await MakeAsync(first, "one");
                last = (await events.NextAsync()).Id;
                await MakeAsync(first, "two");
                await MakeAsync(first, "three");
            }

            await using var second = await GatewayUnderTest.StartAsync(folder: folder);
            await using var resumed = await EventStream.OpenAsync(second, FakeTokenExchange.Editor, lastEventId: last);
            await MakeAsync(second, "four");
            var names = new List<string>();
            for (var number = 0; number < 3; number++)
            {
                names.Add((await resumed.NextAsync()).Data.GetProperty("data").GetProperty("name").GetString()!);
            }

            names.ShouldBe(["two", "three", "four"]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("99999999999999999999999")]
    [InlineData("1000")]
    public async Task LastEventId_ThatNoEventHas_IsRefused(string id)
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        using var answer = await cloud.GetAsync("/v1/events", FakeTokenExchange.Editor, ("Last-Event-ID", id));
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await answer.JsonAsync()).GetProperty("errors").TryGetProperty("Last-Event-ID", out _).ShouldBeTrue();
    }

    [Fact]
    public async Task Stream_ShowsOnlyTheCallersProject_AndAdminsAllOrOne()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        await MakeAsync(cloud, "mine", FakeTokenExchange.Editor);
        await MakeAsync(cloud, "theirs", FakeTokenExchange.Other);
        await MakeAsync(cloud, "mine-too", FakeTokenExchange.Editor);
        (await NamesAsync(cloud, FakeTokenExchange.Editor, "", 2)).ShouldBe(["mine", "mine-too"]);
        (await NamesAsync(cloud, FakeTokenExchange.Other, "", 1)).ShouldBe(["theirs"]);
        (await NamesAsync(cloud, FakeTokenExchange.Admin, "", 3)).ShouldBe(["mine", "theirs", "mine-too"], ignoreOrder: true);
        (await NamesAsync(cloud, FakeTokenExchange.Admin, "?project=prj-2", 1)).ShouldBe(["theirs"]);
    }

    [Fact]
    public async Task Stream_Filtered_ShowsTypesOrKindsOrOneResource()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        var id = await MakeAsync(cloud, "one");
        await MakeAsync(cloud, "two");
        (await cloud.PostAsync($"/v1/instances/{id}/start", null)).StatusCode.ShouldBe(HttpStatusCode.Accepted);
        await using var started = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor, "?type=note.started", "0");
        (await started.NextAsync()).Data.GetProperty("type").GetString().ShouldBe("note.started");
        (await NamesAsync(cloud, FakeTokenExchange.Editor, "?type=note", 3)).ShouldBe(["one", "two", "one"], ignoreOrder: true);
        (await NamesAsync(cloud, FakeTokenExchange.Editor, $"?resource={id}&type=note.created", 1)).ShouldBe(["one"]);
        using var wrong = await cloud.GetAsync("/v1/events?type=");
        wrong.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Stream_WithNothingToSay_ShowsThatItLivesAndWhereItIs()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(settings: ("Cloud:Gateway:Heartbeat", "00:00:00.2"));
        await MakeAsync(cloud, "theirs", FakeTokenExchange.Other);
        await using var first = await EventStream.OpenAsync(cloud, FakeTokenExchange.Other, lastEventId: "0");
        (await first.NextAsync()).Id.ShouldBe("1");
        await using var events = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor, lastEventId: "0");
        var lines = new List<string>();
        while (!lines.Contains(": alive"))
        {
            lines.Add((await events.NextLineAsync())!);
        }

        (await events.NextLineAsync()).ShouldBe("id: 1");
        lines.ShouldNotContain(line => line.StartsWith("data", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Event_DeliveredTwice_IsStreamedOnce()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        await using (var scope = cloud.App.Services.CreateAsyncScope())
        {
            // The same event in two messages, as a service would send that lost count of what it had sent.
            var data = System.Text.Json.JsonSerializer.SerializeToElement("a\nb");
            var happened = ResourceEvent.Of("note.told", "prj-1", "note-x", data) with { Id = "evt-1" };
            for (var time = 0; time < 2; time++)
            {
                await using var db = cloud.GatewayDatabase();
                db.Outbox().Add(happened, "note-x");
                await db.SaveChangesAsync();
            }
        }

        await MakeAsync(cloud, "after");
        await using var events = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor, lastEventId: "0");
        var types = new[]
        {
            (await events.NextAsync()).Data.GetProperty("type").GetString(),
            (await events.NextAsync()).Data.GetProperty("type").GetString(),
        };
        types.ShouldBe(["note.told", "note.created"], ignoreOrder: true);
    }

    [Fact]
    public async Task Reader_FarBehindAndSlow_GetsAllInOrder()
    {
        const int Count = 3000;
        await using var cloud = await GatewayUnderTest.StartAsync();
        await using var watching = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor);
        await using (var db = cloud.GatewayDatabase())
        {
            for (var position = 1; position <= Count; position++)
            {
                db.Events.Add(new EventRecord
                {
                    Position = position,
                    EventId = $"evt-{position}",
                    Type = "note.made",
                    Project = "prj-1",
                    Resource = "n",
                    At = TimeProvider.System.GetUtcNow(),
                    Data = $"\"{new string('x', 500)}\"",
                });
            }

            await db.EventCounters.ExecuteUpdateAsync(counter => counter.SetProperty(row => row.Last, Count));
            await db.SaveChangesAsync();
        }

        foreach (var events in new[] { watching, await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor, lastEventId: "0") })
        {
            for (var position = 1; position <= Count; position++)
            {
                (await events.NextAsync()).Id.ShouldBe($"{position}");
            }
        }
    }

    [Fact]
    public async Task Stream_OfARevokedToken_Ends()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        await using var events = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor);
        cloud.Identity.Tokens.TryRemove(FakeTokenExchange.Editor, out _);
        await using (var db = cloud.GatewayDatabase())
        {
            db.Outbox().Add(new Cloud.Identity.Contracts.TokenRevoked("tok-2", TimeProvider.System.GetUtcNow()), "tok-2");
            await db.SaveChangesAsync();
        }

        (await events.TryNextAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task Stream_OfATokenThatEndedUnheard_EndsAtTheNextSignOfLife()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(settings: ("Cloud:Gateway:Heartbeat", "00:00:00.5"));
        await using var events = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor);
        cloud.Identity.Tokens.TryRemove(FakeTokenExchange.Editor, out _);
        (await events.TryNextAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task Streams_MoreThanAllowed_AreRefused()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(settings: ("Cloud:Gateway:StreamsPerToken", "2"));
        await using var one = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor);
        await using var two = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor);
        using var third = await cloud.GetAsync("/v1/events");
        third.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        third.Headers.RetryAfter.ShouldNotBeNull();
        await using var other = await EventStream.OpenAsync(cloud, FakeTokenExchange.Viewer);
    }

    [Fact]
    public async Task Events_TooOldOrTooMany_AreRemovedFromTheFront()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(
            settings: [("Cloud:Gateway:EventsKept", "3"), ("Cloud:Gateway:EventsKeptFor", "01:00:00")]);
        var now = TimeProvider.System.GetUtcNow();
        await using (var db = cloud.GatewayDatabase())
        {
            foreach (var (position, age) in new[] { (1, 9.0), (2, 0.0), (3, 0.1), (4, 0.1), (5, 5.0), (6, 0.0) })
            {
                db.Events.Add(new EventRecord
                {
                    Position = position,
                    EventId = $"evt-{position}",
                    Type = "note.made",
                    Project = "prj-1",
                    Resource = "n",
                    At = now.AddHours(-age),
                    Data = "1",
                });
            }

            await db.EventCounters.ExecuteUpdateAsync(counter => counter.SetProperty(row => row.Last, 6));
            await db.SaveChangesAsync();
        }

        await using (var scope = cloud.App.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<EventRetention>().ReconcileAsync(TestContext.Current.CancellationToken);
        }

        await using (var db = cloud.GatewayDatabase())
        {
            (await db.Events.OrderBy(row => row.Position).Select(row => row.Position).ToListAsync()).ShouldBe([4, 5, 6]);
        }

        // A reader from before is told what it missed, and goes on with the oldest.
        await using var events = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor, lastEventId: "1");
        (await events.NextLineAsync()).ShouldBe(": connected");
        (await events.NextLineAsync()).ShouldBe(": events 2 to 3 are no longer kept");
        (await events.NextAsync()).Id.ShouldBe("4");
    }

    private static async Task<string> MakeAsync(GatewayUnderTest cloud, string name, string token = FakeTokenExchange.Editor)
    {
        using var answer = await cloud.PostAsync("/v1/instances", new { name }, token);
        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        return (await answer.JsonAsync()).GetProperty("id").GetString()!;
    }

    private static async Task<List<string>> NamesAsync(GatewayUnderTest cloud, string token, string query, int count)
    {
        await using var events = await EventStream.OpenAsync(cloud, token, query, "0");
        var names = new List<string>();
        while (names.Count < count)
        {
            names.Add((await events.NextAsync()).Data.GetProperty("data").GetProperty("name").GetString()!);
        }

        return names;
    }
}
