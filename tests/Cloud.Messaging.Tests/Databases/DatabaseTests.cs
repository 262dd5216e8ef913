using Cloud.Messaging.Tests.Kit;
using Cloud.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cloud.Messaging.Tests.Databases;

public sealed class DatabaseTests(Servers servers) : ServiceTest(servers)
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 14, 3, 27, TimeSpan.FromHours(2));

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Row_ReadBack_IsAsItWas(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile), sink: false);
        var thing = NewThing("one", Now + TimeSpan.FromTicks(1234567));
        thing.Sizes = [1, 2];
        thing.Other = TypedId.New<ThingId>(TimeProvider.System);
        await AddAsync(node, thing);

        await using var db = await node.SourceAsync();
        var read = await db.Things.AsNoTracking().SingleAsync(row => row.Id == thing.Id && row.Other == thing.Other && row.EndedAt == null);

        read.At.ShouldBe(thing.At, "to the tick");
        read.At.Offset.ShouldBe(TimeSpan.Zero);
        read.Sizes.ShouldBe([1, 2]);
        read.Kind.ShouldBe(ThingKind.Small);
        read.Version.ShouldBe(1);
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Times_CompareAndSort(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile), sink: false);
        var tick = TimeSpan.FromTicks(1);
        await AddAsync(
            node, NewThing("late", Now + tick), NewThing("early", (Now - tick).ToOffset(TimeSpan.FromHours(-5))), NewThing("now", Now));

        await using var db = await node.SourceAsync();
        (await db.Things.OrderBy(thing => thing.At).Select(thing => thing.Name).ToListAsync()).ShouldBe(["early", "now", "late"]);
        (await db.Things.Where(thing => thing.At < Now).Select(thing => thing.Name).SingleAsync()).ShouldBe("early");
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Name_TakenTwice_IsAUniqueViolation(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile), sink: false);
        await AddAsync(node, NewThing("same", Now));

        var taken = await Should.ThrowAsync<DbUpdateException>(() => AddAsync(node, NewThing("same", Now)));

        taken.IsUniqueViolation().ShouldBeTrue();
        taken.IsDatabaseUnavailable().ShouldBeFalse();
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Version_SavedFromAnOlderOne_IsRefused(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile), sink: false);
        var thing = NewThing("one", Now);
        await AddAsync(node, thing);
        await using var first = await node.SourceAsync();
        await using var second = await node.SourceAsync();
        var one = await first.Things.SingleAsync();
        var other = await second.Things.SingleAsync();

        one.Name = "first";
        await first.SaveChangesAsync();
        one.Version.ShouldBe(2);
        other.Name = "second";

        await Should.ThrowAsync<DbUpdateConcurrencyException>(() => second.SaveChangesAsync());
        (await Should.ThrowAsync<DbUpdateConcurrencyException>(() => second.SaveChangesAsync()))
            .ShouldNotBeNull("a second try is refused too");
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Json_ChangedToTheSameValue_IsNoChange(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile), sink: false);
        await AddAsync(node, NewThing("one", Now));
        await using var db = await node.SourceAsync();
        var thing = await db.Things.SingleAsync();

        thing.Sizes = [];
        (await db.SaveChangesAsync()).ShouldBe(0);
        thing.Sizes = [3];
        (await db.SaveChangesAsync()).ShouldBe(1);
        thing.Version.ShouldBe(2);
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Quota_UnderAHundredParallelTransactions_GivesExactlyItsLimit(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile), sink: false);
        await using (var db = await node.SourceAsync())
        {
            db.Counters.Add(new Counter { Name = "things", Limit = 10 });
            await db.SaveChangesAsync();
        }

        var granted = await Task.WhenAll(Enumerable.Range(0, 100).Select(async number =>
        {
            await using var db = await node.SourceAsync();
            await using var transaction = await db.Database.BeginTransactionAsync();
            db.Things.Add(NewThing($"thing-{number}", Now));
            await db.SaveChangesAsync();
            var reserved = await db.Counters.Where(counter => counter.Name == "things" && counter.Used + 1 <= counter.Limit)
                .ExecuteUpdateAsync(row => row.SetProperty(counter => counter.Used, counter => counter.Used + 1));
            if (reserved == 1)
            {
                await transaction.CommitAsync();
            }

            return reserved;
        }));

        granted.Sum().ShouldBe(10);
        await using var after = await node.SourceAsync();
        (await after.Things.CountAsync()).ShouldBe(10);
        (await after.Counters.Select(counter => counter.Used).SingleAsync()).ShouldBe(10);
    }

    [Fact]
    public async Task Writers_OfManyContexts_TakeTurnsAndNoneIsRefused()
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(Profile.Local), sink: false);

        await Task.WhenAll(Enumerable.Range(0, 200).Select(number => number % 3 == 0
            ? node.MakeAsync($"key-{number}", 1)
            : AddAsync(node, NewThing($"thing-{number}", Now))));

        await using var db = await node.SourceAsync();
        (await db.Things.CountAsync() + await db.Made.CountAsync()).ShouldBe(200);
    }

    [Fact]
    public async Task Writer_ThatFailsOrGivesUp_LeavesItsTurn()
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(Profile.Local), sink: false);
        await AddAsync(node, NewThing("same", Now));
        await Should.ThrowAsync<DbUpdateException>(() => AddAsync(node, NewThing("same", Now)));
        await using (var db = await node.SourceAsync())
        {
            await using var transaction = await db.Database.BeginTransactionAsync();
            using var impatient = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
            await using var other = await node.SourceAsync();
            other.Made.Add(new Made { Key = "a", Number = 1 });
            await Should.ThrowAsync<OperationCanceledException>(() => other.SaveChangesAsync(impatient.Token));
            await Should.ThrowAsync<OperationCanceledException>(() => other.Made.ExecuteDeleteAsync(impatient.Token));
        }

        await AddAsync(node, NewThing("next", Now));
    }

    [Fact]
    public async Task Sqlite_Connections_WaitForTheDisk()
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(Profile.Local), sink: false);
        await using var db = await node.SourceAsync();

        (await db.Database.SqlQueryRaw<string>("SELECT journal_mode AS Value FROM pragma_journal_mode").SingleAsync()).ShouldBe("wal");
        (await db.Database.SqlQueryRaw<int>("SELECT synchronous AS Value FROM pragma_synchronous").SingleAsync()).ShouldBe(2, "FULL");
    }

    [Fact]
    public async Task Reads_AfterTheServerCameBack_Succeed()
    {
        await using var postgres = await Cloud.Testing.Servers.PrivatePostgres.StartNewAsync();
        var settings = await SettingsAsync(Profile.Distributed) with { Postgres = postgres.ConnectionString };
        await using var node = await TestNode.StartAsync(settings, sink: false);
        await Task.WhenAll(Enumerable.Range(0, 10).Select(number => AddAsync(node, NewThing($"thing-{number}", Now))));

        await postgres.KillAsync();
        await postgres.StartAsync();

        // The pool is full of dead connections.
        await using var db = await node.SourceAsync();
        (await db.Things.CountAsync()).ShouldBe(10);
        await AddAsync(node, NewThing("next", Now));
    }

    [Fact]
    public async Task Health_WhileTheServerIsAway_SaysSo()
    {
        await using var postgres = await Cloud.Testing.Servers.PrivatePostgres.StartNewAsync();
        var settings = await SettingsAsync(Profile.Distributed) with { Postgres = postgres.ConnectionString };
        await using var node = await TestNode.StartAsync(settings, sink: false);
        (await node.HealthAsync()).Entries[$"{settings.Source}-database"].Status.ShouldBe(HealthStatus.Healthy);

        await postgres.StopAsync();

        (await node.HealthAsync()).Entries[$"{settings.Source}-database"].Status.ShouldBe(HealthStatus.Unhealthy);
        var away = await Should.ThrowAsync<Exception>(() => AddAsync(node, NewThing("one", Now)));
        away.IsDatabaseUnavailable().ShouldBeTrue();
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Replicas_ThatStartAtOnce_MakeOneDatabase(Profile profile)
    {
        var settings = await SettingsAsync(profile);
        var nodes = await Task.WhenAll(Enumerable.Range(0, profile == Profile.Local ? 1 : 3).Select(_ => TestNode.StartAsync(settings)));
        await nodes[0].MakeAsync("a", 1);
        await AssertAllCameOnceInOrderAsync(nodes[0], nodes[^1]);
        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }
    }

    private static Thing NewThing(string name, DateTimeOffset at) =>
        new() { Id = TypedId.New<ThingId>(TimeProvider.System), Name = name, At = at };

    private static async Task AddAsync(TestNode node, params Thing[] things)
    {
        await using var db = await node.SourceAsync();
        db.Things.AddRange(things);
        await db.SaveChangesAsync();
    }
}
