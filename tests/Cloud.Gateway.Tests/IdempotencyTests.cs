using System.Net;
using System.Text;
using Cloud.Gateway.Tests.Sample;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Gateway.Tests;

public sealed class IdempotencyTests
{
    private const string Key = "3f9c0c3e-0b6e-4f0e-9a5e-5d8f2b1c7a10";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Create_SentAgain_GetsTheFirstAnswerAndMakesNothing(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var first = await CreateAsync(cloud, "one");
        first.StatusCode.ShouldBe(HttpStatusCode.Created);
        first.Header("Idempotency-Replayed").ShouldBe("");
        using var second = await CreateAsync(cloud, "one");
        second.StatusCode.ShouldBe(HttpStatusCode.Created);
        second.Header("Idempotency-Replayed").ShouldBe("true");
        second.Headers.Location.ShouldBe(first.Headers.Location);
        second.Headers.ETag.ShouldBe(first.Headers.ETag);
        (await second.Content.ReadAsStringAsync()).ShouldBe(await first.Content.ReadAsStringAsync());
        (await CountAsync(cloud)).ShouldBe(1);
    }

    [Fact]
    public async Task Key_WithAnotherBodyOrPath_IsRefused()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        (await CreateAsync(cloud, "one")).StatusCode.ShouldBe(HttpStatusCode.Created);
        using var other = await CreateAsync(cloud, "two");
        other.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        (await other.JsonAsync()).GetProperty("code").GetString().ShouldBe("idempotency-key-reused");
        using var elsewhere = await cloud.PostAsync("/v1/instances/one/start", null, FakeTokenExchange.Editor, ("Idempotency-Key", Key));
        elsewhere.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
    }

    [Fact]
    public async Task Key_IsEachCallersOwn()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        (await CreateAsync(cloud, "one")).StatusCode.ShouldBe(HttpStatusCode.Created);
        using var other = await CreateAsync(cloud, "two", FakeTokenExchange.Other);
        other.StatusCode.ShouldBe(HttpStatusCode.Created);
        other.Header("Idempotency-Replayed").ShouldBe("");
    }

    [Fact]
    public async Task Key_AfterARefusal_IsFreeAgain()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        (await CreateAsync(cloud, "BAD")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await cloud.PostAsync("/v1/instances", new { name = "taken" })).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await CreateAsync(cloud, "taken")).StatusCode.ShouldBe(HttpStatusCode.Conflict);
        using var good = await CreateAsync(cloud, "good");
        good.StatusCode.ShouldBe(HttpStatusCode.Created);
        good.Header("Idempotency-Replayed").ShouldBe("");
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("é")]
    [InlineData("")]
    public async Task Key_OfWrongForm_IsNamed(string key)
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        using var answer = await cloud.PostAsync("/v1/instances", new { name = "a" }, FakeTokenExchange.Editor, ("Idempotency-Key", key));
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await answer.JsonAsync()).GetProperty("errors").TryGetProperty("Idempotency-Key", out _).ShouldBeTrue();
    }

    [Fact]
    public async Task Create_ThatDiesAfterItsCommit_IsAnsweredFromTheResource()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        cloud.Sample.BeforeAnswer = _ => throw new InvalidOperationException("The process dies here.");
        (await CreateAsync(cloud, "one")).StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        cloud.Sample.BeforeAnswer = _ => Task.CompletedTask;
        using var again = await CreateAsync(cloud, "one");
        again.StatusCode.ShouldBe(HttpStatusCode.Created);
        again.Header("Idempotency-Replayed").ShouldBe("true");
        var note = await again.JsonAsync();
        note.GetProperty("name").GetString().ShouldBe("one");
        again.Headers.Location!.ToString().ShouldBe($"/v1/instances/{note.GetProperty("id").GetString()}");
        again.Headers.ETag!.Tag.ShouldBe("\"1\"");
        (await CountAsync(cloud)).ShouldBe(1);
    }

    [Fact]
    public async Task Action_ThatDiesAfterItsCommit_IsNotDoneTwice()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        (await cloud.PostAsync("/v1/instances", new { name = "one" })).StatusCode.ShouldBe(HttpStatusCode.Created);
        cloud.Sample.BeforeAnswer = _ => throw new InvalidOperationException("The process dies here.");
        (await cloud.PostAsync("/v1/instances/one/start", null, FakeTokenExchange.Editor, ("Idempotency-Key", Key)))
            .StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        cloud.Sample.BeforeAnswer = _ => Task.CompletedTask;
        for (var time = 0; time < 2; time++)
        {
            using var again = await cloud.PostAsync("/v1/instances/one/start", null, FakeTokenExchange.Editor, ("Idempotency-Key", Key));
            again.StatusCode.ShouldBe(HttpStatusCode.Accepted);
            (await again.JsonAsync()).GetProperty("starts").GetInt32().ShouldBe(1);
        }
    }

    [Fact]
    public async Task Delete_SentAgain_IsDoneOnce()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        (await cloud.PostAsync("/v1/instances", new { name = "one" })).StatusCode.ShouldBe(HttpStatusCode.Created);
        for (var time = 0; time < 2; time++)
        {
            using var gone = await cloud.SendAsync(
                HttpMethod.Delete, "/v1/instances/one", FakeTokenExchange.Editor, null, ("Idempotency-Key", Key));
            gone.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        }
    }

    [Fact]
    public async Task ManyAtOnce_MakeOne()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => CreateAsync(cloud, "one")));
        answers.ShouldAllBe(answer => answer.StatusCode == HttpStatusCode.Created);
        answers.Count(answer => answer.Header("Idempotency-Replayed") == "").ShouldBe(1);
        (await CountAsync(cloud)).ShouldBe(1);
    }

    [Fact]
    public async Task TwoReplicasAtOnce_MakeOne()
    {
        var folder = GatewayUnderTest.NewFolder();
        try
        {
            await using var one = await GatewayUnderTest.StartAsync(folder: folder);
            await using var two = await GatewayUnderTest.StartAsync(folder: folder);
            for (var round = 0; round < 10; round++)
            {
                var key = $"{Key}-{round}";
                var answers = await Task.WhenAll(new[] { one, two, one, two }.Select(cloud =>
                    cloud.PostAsync("/v1/instances", new { name = $"note-{round}" }, FakeTokenExchange.Editor, ("Idempotency-Key", key))));
                answers.ShouldAllBe(answer => answer.StatusCode == HttpStatusCode.Created);
                (await CountAsync(one)).ShouldBe(round + 1);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Second_WhileTheFirstIsStillUnderWay_IsToldSoOrAnswered()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        var goOn = new TaskCompletionSource();
        var committed = new TaskCompletionSource();
        cloud.Sample.BeforeAnswer = async ct =>
        {
            committed.TrySetResult();
            await goOn.Task.WaitAsync(ct);
        };
        var first = CreateAsync(cloud, "one");
        await committed.Task;
        // The first has committed and waits, as with ?wait=: the second is answered from the resource and need not wait for it.
        using var second = await CreateAsync(cloud, "one");
        second.StatusCode.ShouldBe(HttpStatusCode.Created);
        second.Header("Idempotency-Replayed").ShouldBe("true");
        goOn.SetResult();
        (await first).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await CountAsync(cloud)).ShouldBe(1);
    }

    [Fact]
    public async Task Answer_IsNotReadableInTheDatabase()
    {
        const string Secret = "shown-once-and-never-again";
        var folder = GatewayUnderTest.NewFolder();
        try
        {
            await using (var cloud = await GatewayUnderTest.StartAsync(folder: folder))
            {
                using var made = await cloud.PostAsync(
                    "/v1/instances", new { name = "one", text = Secret }, FakeTokenExchange.Editor, ("Idempotency-Key", Key));
                made.StatusCode.ShouldBe(HttpStatusCode.Created);
                // The note itself holds the text; what is left is what idempotency keeps.
                await cloud.QueryAsync(async db => await db.Notes.ExecuteUpdateAsync(note => note.SetProperty(row => row.Text, "")));
                await cloud.QueryAsync(async db => await db.Database.ExecuteSqlRawAsync("DELETE FROM outbox; DELETE FROM inbox;"));
                await cloud.QueryAsync(async db => await db.Database.ExecuteSqlRawAsync("VACUUM"));
                await cloud.QueryAsync(async db => await db.Database.ExecuteSqlRawAsync("PRAGMA wal_checkpoint(TRUNCATE)"));
                using var again = await cloud.PostAsync(
                    "/v1/instances", new { name = "one", text = Secret }, FakeTokenExchange.Editor, ("Idempotency-Key", Key));
                (await again.JsonAsync()).GetProperty("text").GetString().ShouldBe(Secret);
            }

            var file = await File.ReadAllBytesAsync(Path.Combine(folder, "db", "compute.db"));
            file.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Secret)).ShouldBe(-1);
            file.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Key)).ShouldBe(-1);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Task<HttpResponseMessage> CreateAsync(GatewayUnderTest cloud, string name, string token = FakeTokenExchange.Editor) =>
        cloud.PostAsync("/v1/instances", new { name }, token, ("Idempotency-Key", Key));

    private static Task<int> CountAsync(GatewayUnderTest cloud) => cloud.QueryAsync(db => db.Notes.CountAsync());
}
