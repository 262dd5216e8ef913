using System.Net;
using Cloud.Identity.Tests.Kit;
using Cloud.Identity.Tokens;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Tests.Tokens;

public sealed class TokenTestsOnSqlite(Databases databases) : TokenTests(databases.OnSqlite);

public sealed class TokenTestsOnPostgres(Databases databases) : TokenTests(databases.OnPostgres);

public abstract class TokenTests(IdentityUnderTest identity) : IdentityTest(identity)
{
    [Fact]
    public async Task Create_ShowsTheTokenOnce_AndStoresItsHash()
    {
        var project = await NewProjectAsync();
        var made = await NewTokenAsync(project.Owner.Token, "editor");
        var text = made["token"];
        text.ShouldStartWith("cloud_" + made.Id["tok-".Length..] + "_");
        (await Identity.CallAsync(project.Owner.Token, Get, $"/v1/tokens/{made.Id}")).Json!["token"].ShouldBeNull();
        (await Identity.CallAsync(project.Owner.Token, Get, "/v1/tokens")).Items.ShouldAllBe(item => item["token"] == null);

        await using var db = await Identity.OpenDbAsync();
        var id = TokenId.FromValue(made.Id);
        var row = await db.Tokens.AsNoTracking().SingleAsync(token => token.Id == id);
        row.Hash.ShouldBe(TokenText.HashOf(text));
        (await db.Set<Messaging.OutboxMessage>().AnyAsync(message => message.Body.Contains(text))).ShouldBeFalse();
    }

    [Theory]
    [InlineData("viewer", "viewer", HttpStatusCode.Forbidden)]
    [InlineData("editor", "viewer", HttpStatusCode.Forbidden)]
    [InlineData("editor", "owner", HttpStatusCode.Forbidden)]
    [InlineData("owner", "admin", HttpStatusCode.Forbidden)]
    [InlineData("owner", "owner", HttpStatusCode.Created)]
    public async Task Create_OfARole_NeedsThatRole(string caller, string role, HttpStatusCode expected)
    {
        var project = await NewProjectAsync();
        var member = caller == "owner" ? project.Owner : caller == "editor" ? project.Editor : project.Viewer;
        (await Identity.CallAsync(member.Token, Post, "/v1/tokens", new { name = NewName("up"), role })).Should(expected);
    }

    [Fact]
    public async Task Create_ForAMember_GetsNoMoreThanTheMemberMay()
    {
        var project = await NewProjectAsync();
        var body = new { name = NewName("up"), role = "owner", user = project.Viewer.Name };
        (await Identity.CallAsync(project.Owner.Token, Post, "/v1/tokens", body))
            .Should(HttpStatusCode.BadRequest).Fields.ShouldBe(["role"]);
    }

    [Fact]
    public async Task Create_InAnAdminsName_NeedsAnAdmin()
    {
        var project = await NewProjectAsync();
        (await AdminAsync(Post, $"/v1/projects/{project.Id}/members", new { user = "admin", role = "owner" }))
            .Should(HttpStatusCode.Created);
        var body = new { name = NewName("root"), role = "viewer", user = "admin" };
        (await Identity.CallAsync(project.Owner.Token, Post, "/v1/tokens", body)).Should(HttpStatusCode.Forbidden);
        (await AdminAsync(Post, "/v1/tokens", body, project.Id)).Should(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Create_ForAStranger_NamesTheField()
    {
        var project = await NewProjectAsync();
        var other = await NewProjectAsync();
        var body = new { name = NewName("x"), role = "viewer", user = other.Viewer.Id };
        (await Identity.CallAsync(project.Owner.Token, Post, "/v1/tokens", body))
            .Should(HttpStatusCode.BadRequest).Fields.ShouldBe(["user"]);
    }

    [Theory]
    [InlineData("""{"name":"a","role":"viewer","expiresIn":0}""", "expiresIn")]
    [InlineData("""{"name":"a","role":"viewer","expiresIn":-5}""", "expiresIn")]
    [InlineData("""{"name":"a","role":"viewer","expiresIn":9223372036854775807}""", "expiresIn")]
    [InlineData("""{"name":"a","role":"viewer","expiresIn":1.5}""", "expiresIn")]
    [InlineData("""{"name":"a","role":"viewer","expiresAt":"2001-01-01T00:00:00Z"}""", "expiresAt")]
    [InlineData("""{"name":"a","role":"viewer","expiresAt":"9999-12-31T23:59:59Z"}""", "expiresAt")]
    [InlineData("""{"name":"a","role":"viewer","expiresAt":"soon"}""", "expiresAt")]
    [InlineData("""{"name":"a","role":"king"}""", "role")]
    [InlineData("""{"name":"a","role":7}""", "role")]
    [InlineData("""{"name":"a","role":"viewer","scopes":["everything"]}""", "scopes[0]")]
    [InlineData("""{"name":"a","role":"viewer","scopes":["read",null]}""", "scopes[1]")]
    [InlineData("""{"name":"a","role":"viewer","scopes":"read"}""", "scopes")]
    [InlineData("""{"name":"a","role":"viewer","labels":{"k":null}}""", "labels")]
    [InlineData("""{"name":"a","role":"viewer","secret":"mine"}""", "secret")]
    [InlineData("""{"name":null,"role":"viewer"}""", "name")]
    [InlineData("""[]""", "body")]
    [InlineData("""{"name":"a",""", "body")]
    [InlineData("""null""", "body")]
    public async Task Create_WithABadBody_NamesTheField(string json, string field)
    {
        using var content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        var refused = (await AdminAsync(Post, "/v1/tokens", content)).Should(HttpStatusCode.BadRequest, "invalid-request");
        refused.Fields.ShouldBe([field]);
    }

    [Fact]
    public async Task Name_IsTakenUntilRevoked()
    {
        var project = await NewProjectAsync();
        var name = NewName("ci");
        var made = (await Identity.CallAsync(project.Owner.Token, Post, "/v1/tokens", new { name, role = "viewer" }))
            .Should(HttpStatusCode.Created);
        (await Identity.CallAsync(project.Owner.Token, Post, "/v1/tokens", new { name, role = "viewer" }))
            .Should(HttpStatusCode.Conflict, "name-taken");
        (await Identity.CallAsync(project.Owner.Token, Delete, $"/v1/tokens/{made.Id}")).Should(HttpStatusCode.NoContent);
        (await Identity.CallAsync(project.Owner.Token, Post, "/v1/tokens", new { name, role = "viewer" })).Should(HttpStatusCode.Created);
    }

    [Fact]
    public async Task List_ByOwner_HoldsTheProjects_ByOthersTheirOwn()
    {
        var project = await NewProjectAsync();
        await NewProjectAsync();
        (await Identity.CallAsync(project.Owner.Token, Get, "/v1/tokens")).Items.Count.ShouldBe(3);
        (await Identity.CallAsync(project.Viewer.Token, Get, "/v1/tokens")).Items.Single()["id"]!
            .GetValue<string>().ShouldBe(project.Viewer.TokenId);
        (await Identity.CallAsync(project.Viewer.Token, Get, $"/v1/tokens/{project.Owner.TokenId}")).Should(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Get_OfAnotherProjects_IsNotFound()
    {
        var mine = await NewProjectAsync();
        var other = await NewProjectAsync();
        foreach (var (method, body) in new (HttpMethod, object?)[] { (Get, null), (Delete, null), (Patch, new { name = "mine" }) })
        {
            (await Identity.CallAsync(mine.Owner.Token, method, $"/v1/tokens/{other.Viewer.TokenId}", body))
                .Should(HttpStatusCode.NotFound, "not-found");
        }
    }

    [Fact]
    public async Task AdminsToken_IsOutOfAnOwnersReach()
    {
        var project = await NewProjectAsync();
        var admins = (await AdminAsync(Post, "/v1/tokens", new { name = NewName("root"), role = "admin" }, project.Id))
            .Should(HttpStatusCode.Created);
        (await Identity.CallAsync(project.Owner.Token, Get, $"/v1/tokens/{admins.Id}")).Should(HttpStatusCode.NotFound);
        (await Identity.CallAsync(project.Owner.Token, Delete, $"/v1/tokens/{admins.Id}")).Should(HttpStatusCode.NotFound);
        (await Identity.CallAsync(project.Owner.Token, Get, "/v1/tokens")).Items.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Revoke_Twice_Answers204_AndIsRefusedFromThenOn()
    {
        var project = await NewProjectAsync();
        (await Identity.CallAsync(project.Viewer.Token, Get, "/v1/projects")).Should(HttpStatusCode.OK);
        (await Identity.CallAsync(project.Owner.Token, Delete, $"/v1/tokens/{project.Viewer.TokenId}")).Should(HttpStatusCode.NoContent);
        (await Identity.CallAsync(project.Viewer.Token, Get, "/v1/projects")).Should(HttpStatusCode.Unauthorized);
        (await Identity.CallAsync(project.Owner.Token, Delete, $"/v1/tokens/{project.Viewer.TokenId}")).Should(HttpStatusCode.NoContent);
        (await Identity.CallAsync(project.Owner.Token, Get, $"/v1/tokens/{project.Viewer.TokenId}")).Should(HttpStatusCode.NotFound);
        (await Identity.CallAsync(project.Owner.Token, Delete, "/v1/tokens/tok-00000000000000000000000000"))
            .Should(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Revoke_OfOnesOwn_NeedsNoOwner()
    {
        var project = await NewProjectAsync();
        (await Identity.CallAsync(project.Viewer.Token, Delete, $"/v1/tokens/{project.Viewer.TokenId}")).Should(HttpStatusCode.NoContent);
        (await Identity.ExchangeAsync(project.Viewer.Token)).Status.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Patch_RenamesAndLabels_ButChangesNoRights()
    {
        var project = await NewProjectAsync();
        var made = await NewTokenAsync(project.Owner.Token, "viewer");
        var name = NewName("other");
        var path = $"/v1/tokens/{made.Id}";
        var changed = (await Identity.CallAsync(project.Owner.Token, Patch, path, new { name, labels = new { use = "ci" } }))
            .Should(HttpStatusCode.OK);
        changed["name"].ShouldBe(name);
        (await Identity.CallAsync(project.Owner.Token, Patch, path, new { role = "owner" }))
            .Should(HttpStatusCode.BadRequest).Fields.ShouldBe(["role"]);
        (await Identity.CallAsync(project.Owner.Token, Get, "/v1/tokens?label=use%3Dci")).Items.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Current_TellsWhoCalls()
    {
        var project = await NewProjectAsync();
        var current = (await Identity.CallAsync(project.Editor.Token, Get, "/v1/tokens/current")).Should(HttpStatusCode.OK).Json!;
        current["role"]!.GetValue<string>().ShouldBe("editor");
        current["project"]!["name"]!.GetValue<string>().ShouldBe(project.Name);
        current["token"]!["id"]!.GetValue<string>().ShouldBe(project.Editor.TokenId);
    }

    [Fact]
    public async Task Scopes_LimitTheToken()
    {
        var project = await NewProjectAsync();
        var readOnly = await NewTokenAsync(project.Owner.Token, "owner", "identity:read");
        (await Identity.CallAsync(readOnly["token"], Get, "/v1/tokens")).Should(HttpStatusCode.OK);
        (await Identity.CallAsync(readOnly["token"], Post, "/v1/tokens", new { name = NewName("x"), role = "viewer" }))
            .Should(HttpStatusCode.Forbidden, "scope-missing");
        var compute = await NewTokenAsync(project.Owner.Token, "owner", "compute");
        (await Identity.CallAsync(compute["token"], Get, "/v1/tokens")).Should(HttpStatusCode.Forbidden, "scope-missing");
        var all = await NewTokenAsync(project.Owner.Token, "owner", "read", "compute");
        (await Identity.CallAsync(all["token"], Get, "/v1/tokens")).Should(HttpStatusCode.OK);
        (await Identity.CallAsync(all["token"], Delete, $"/v1/tokens/{all.Id}")).Should(HttpStatusCode.Forbidden, "scope-missing");
    }

    [Fact]
    public async Task Scopes_AreNotOutgrownByAnotherToken()
    {
        var project = await NewProjectAsync();
        var limited = (await NewTokenAsync(project.Owner.Token, "owner", "identity"))["token"];
        foreach (var scopes in new[] { null, Array.Empty<string>(), ["compute"], ["identity", "read"], ["compute:read"] })
        {
            (await Identity.CallAsync(limited, Post, "/v1/tokens", new { name = NewName("wide"), role = "owner", scopes }))
                .Should(HttpStatusCode.Forbidden, "scope-too-wide");
        }

        (await Identity.CallAsync(
            limited, Post, "/v1/tokens", new { name = NewName("less"), role = "viewer", scopes = new[] { "identity:read" } }))
            .Should(HttpStatusCode.Created);
        (await Identity.CallAsync(limited, Post, "/v1/access-keys", new { name = NewName("s3") }))
            .Should(HttpStatusCode.Forbidden, "scope-too-wide");
    }

    [Fact]
    public async Task ExpiresIn_IsShownAsATime()
    {
        var project = await NewProjectAsync();
        var made = (await Identity.CallAsync(
            project.Owner.Token, Post, "/v1/tokens", new { name = NewName("short"), role = "viewer", expiresIn = 3600 }))
            .Should(HttpStatusCode.Created);
        made["status"].ShouldBe("active");
        var seconds = (DateTimeOffset.Parse(made["expiresAt"], null) - DateTimeOffset.Parse(made["createdAt"], null)).TotalSeconds;
        seconds.ShouldBe(3600, 0.1);
    }

    private async Task<Answer> NewTokenAsync(string by, string role, params string[] scopes) =>
        (await Identity.CallAsync(by, Post, "/v1/tokens", new { name = NewName("token"), role, scopes })).Should(HttpStatusCode.Created);
}
