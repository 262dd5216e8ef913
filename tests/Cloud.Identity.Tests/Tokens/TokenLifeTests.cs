using System.Net;
using Cloud.Identity.Tests.Kit;
using Cloud.Identity.Tokens;
using Cloud.Testing;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Tests.Tokens;

/// <summary>What time does to tokens, with a clock of the tests' own, and what replicas of the service know of one another.</summary>
[Collection(Databases.OneAtATime)]
public sealed class TokenLifeTests(Databases databases)
{
    /// <summary>What the gateway keeps an answer for comes on top; together it must stay below a second.</summary>
    private static readonly TimeSpan AgeMax = TimeSpan.FromMilliseconds(500);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Expired_IsRefused(bool postgres)
    {
        var clock = new ShiftedClock();
        await using var identity = await StartAsync(postgres, clock);
        var token = await NewTokenAsync(identity, expiresIn: 60);
        (await identity.ExchangeAsync(token["token"])).Status.ShouldBe(HttpStatusCode.OK);
        clock.Advance(TimeSpan.FromSeconds(61));
        (await identity.ExchangeAsync(token["token"])).Status.ShouldBe(HttpStatusCode.NoContent);
        var shown = await identity.CallAsync(identity.AdminToken, HttpMethod.Get, $"/v1/tokens/{token.Id}");
        shown.Should(HttpStatusCode.OK)["status"].ShouldBe("expired");
        (await identity.CallAsync(identity.AdminToken, HttpMethod.Get, "/v1/tokens?status=expired")).Items.Count.ShouldBe(1);
        (await identity.CallAsync(identity.AdminToken, HttpMethod.Get, "/v1/tokens?status=active")).Items.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Jwt_EndsWithItsToken()
    {
        await using var identity = await StartAsync(false, new ShiftedClock());
        var token = await NewTokenAsync(identity, expiresIn: 10);
        var exchanged = (await identity.ExchangeAsync(token["token"])).Token!;
        exchanged.JwtExpiresAt.ShouldBe(exchanged.ExpiresAt!.Value);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RevokedByAnotherReplica_IsRefusedWhenTheAnswerIsHalfASecondOld(bool postgres)
    {
        var clock = new ShiftedClock();
        var data = databases.NewFolder();
        var server = postgres ? await databases.EmptyServerAsync() : null;
        await using var one = await IdentityUnderTest.StartAsync(data, server, clock);
        await using var two = await IdentityUnderTest.StartAsync(data, server, clock);
        var token = await NewTokenAsync(one);
        (await two.ExchangeAsync(token["token"])).Status.ShouldBe(HttpStatusCode.OK);

        (await one.CallAsync(one.AdminToken, HttpMethod.Delete, $"/v1/tokens/{token.Id}")).Should(HttpStatusCode.NoContent);
        (await one.ExchangeAsync(token["token"])).Status.ShouldBe(HttpStatusCode.NoContent);
        clock.Advance(AgeMax);
        (await two.ExchangeAsync(token["token"])).Status.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Exchange_OfOneTokenManyTimes_SignsOnce()
    {
        var clock = new ShiftedClock();
        await using var identity = await StartAsync(false, clock);
        var token = (await NewTokenAsync(identity))["token"];
        var first = (await identity.ExchangeAsync(token)).Token!.Jwt;
        var all = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => identity.ExchangeAsync(token)));
        all.ShouldAllBe(one => one.Token!.Jwt == first);

        // Looked up again, and the same signature serves while it lives long enough.
        clock.Advance(TimeSpan.FromSeconds(20));
        (await identity.ExchangeAsync(token)).Token!.Jwt.ShouldBe(first);
        clock.Advance(TimeSpan.FromSeconds(20));
        (await identity.ExchangeAsync(token)).Token!.Jwt.ShouldNotBe(first);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LastUsed_IsWrittenOnceAMinute(bool postgres)
    {
        var clock = new ShiftedClock();
        await using var identity = await StartAsync(postgres, clock);
        var made = await NewTokenAsync(identity);
        (await LastUsedAsync(identity, made.Id)).ShouldBeNull();
        await UseAsync(identity, made["token"]);
        var first = await LastUsedAsync(identity, made.Id);
        first.ShouldNotBeNull();

        clock.Advance(TimeSpan.FromSeconds(30));
        await UseAsync(identity, made["token"]);
        (await LastUsedAsync(identity, made.Id)).ShouldBe(first);

        clock.Advance(TimeSpan.FromSeconds(31));
        await UseAsync(identity, made["token"]);
        (await LastUsedAsync(identity, made.Id)).ShouldNotBe(first);
        var shown = await identity.CallAsync(identity.AdminToken, HttpMethod.Get, $"/v1/tokens/{made.Id}");
        shown.ETag.ShouldBe(made.ETag, "being used is no change of the token");
    }

    [Fact]
    public async Task LastUsed_IsWrittenByItself()
    {
        await using var identity = await StartAsync(false, new ShiftedClock());
        var made = await NewTokenAsync(identity);
        (await identity.ExchangeAsync(made["token"])).Status.ShouldBe(HttpStatusCode.OK);
        await Eventually.HoldsAsync(async () => await LastUsedAsync(identity, made.Id) is not null, "the last use is written");
    }

    private async Task<IdentityUnderTest> StartAsync(bool postgres, ShiftedClock clock) =>
        await IdentityUnderTest.StartAsync(databases.NewFolder(), postgres ? await databases.EmptyServerAsync() : null, clock);

    private static async Task<Answer> NewTokenAsync(IdentityUnderTest identity, int? expiresIn = null)
    {
        var made = await identity.CallAsync(
            identity.AdminToken, HttpMethod.Post, "/v1/tokens", new { name = "life", role = "viewer", expiresIn });
        return made.Should(HttpStatusCode.Created);
    }

    private static async Task UseAsync(IdentityUnderTest identity, string token)
    {
        (await identity.ExchangeAsync(token)).Status.ShouldBe(HttpStatusCode.OK);
        await identity.WriteLastUsesAsync();
    }

    private static async Task<DateTimeOffset?> LastUsedAsync(IdentityUnderTest identity, string id)
    {
        await using var db = await identity.OpenDbAsync();
        var tokenId = TokenId.FromValue(id);
        return (await db.Tokens.AsNoTracking().SingleAsync(token => token.Id == tokenId)).LastUsedAt;
    }
}
