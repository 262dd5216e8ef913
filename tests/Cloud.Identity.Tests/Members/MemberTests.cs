using System.Net;
using Cloud.Identity.Tests.Kit;

namespace Cloud.Identity.Tests.Members;

public sealed class MemberTestsOnSqlite(Databases databases) : MemberTests(databases.OnSqlite);

public sealed class MemberTestsOnPostgres(Databases databases) : MemberTests(databases.OnPostgres);

public abstract class MemberTests(IdentityUnderTest identity) : IdentityTest(identity)
{
    [Fact]
    public async Task Add_ByOwner_LetsTheUserIn()
    {
        var project = await NewProjectAsync();
        var user = (await AdminAsync(Post, "/v1/users", new { name = NewName("new") })).Should(HttpStatusCode.Created);
        var path = $"/v1/projects/{project.Id}/members";
        var added = (await Identity.CallAsync(project.Owner.Token, Post, path, new { user = user["name"], role = "editor" }))
            .Should(HttpStatusCode.Created);
        added.Id.ShouldBe(user.Id);
        added.Location.ShouldBe($"{path}/{user.Id}");
        var token = (await Identity.CallAsync(
            project.Owner.Token, Post, "/v1/tokens", new { name = NewName("first"), role = "editor", user = user.Id }))
            .Should(HttpStatusCode.Created)["token"];
        (await Identity.CallAsync(token, Get, "/v1/tokens/current")).Should(HttpStatusCode.OK)
            .Json!["user"]!["id"]!.GetValue<string>().ShouldBe(user.Id);
    }

    [Fact]
    public async Task Add_Twice_IsRefused()
    {
        var project = await NewProjectAsync();
        var body = new { user = project.Viewer.Name, role = "owner" };
        (await Identity.CallAsync(project.Owner.Token, Post, $"/v1/projects/{project.Id}/members", body))
            .Should(HttpStatusCode.Conflict, "already-member");
    }

    [Fact]
    public async Task Add_AsAdmin_IsNoRoleOfAProject()
    {
        var project = await NewProjectAsync();
        var user = (await AdminAsync(Post, "/v1/users", new { name = NewName("climber") })).Should(HttpStatusCode.Created);
        var body = new { user = user.Id, role = "admin" };
        (await Identity.CallAsync(project.Owner.Token, Post, $"/v1/projects/{project.Id}/members", body))
            .Should(HttpStatusCode.BadRequest).Fields.ShouldBe(["role"]);
    }

    [Fact]
    public async Task Add_OfAnUnknownUser_NamesTheField()
    {
        var project = await NewProjectAsync();
        (await Identity.CallAsync(
            project.Owner.Token, Post, $"/v1/projects/{project.Id}/members", new { user = "nobody-such", role = "viewer" }))
            .Should(HttpStatusCode.BadRequest).Fields.ShouldBe(["user"]);
    }

    [Fact]
    public async Task Change_ByEditor_IsForbidden()
    {
        var project = await NewProjectAsync();
        var path = $"/v1/projects/{project.Id}/members/{project.Editor.Id}";
        (await Identity.CallAsync(project.Editor.Token, Patch, path, new { role = "owner" })).Should(HttpStatusCode.Forbidden);
        (await Identity.CallAsync(project.Editor.Token, Delete, path)).Should(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Demote_TakesTheRightsOfTokensAtOnce()
    {
        var project = await NewProjectAsync();
        var second = await NewMemberAsync(project.Id, "owner");
        (await Identity.ExchangeAsync(second.Token)).Token!.Role.ShouldBe("Owner");
        (await Identity.CallAsync(project.Owner.Token, Patch, $"/v1/projects/{project.Id}/members/{second.Id}", new { role = "viewer" }))
            .Should(HttpStatusCode.OK);
        (await Identity.ExchangeAsync(second.Token)).Token!.Role.ShouldBe("Viewer");
    }

    [Fact]
    public async Task Remove_Twice_Answers204_AndEndsTheMembersTokens()
    {
        var project = await NewProjectAsync();
        var path = $"/v1/projects/{project.Id}/members/{project.Editor.Id}";
        (await Identity.CallAsync(project.Editor.Token, Get, "/v1/tokens")).Should(HttpStatusCode.OK);
        (await Identity.CallAsync(project.Owner.Token, Delete, path)).Should(HttpStatusCode.NoContent);
        (await Identity.CallAsync(project.Owner.Token, Delete, path)).Should(HttpStatusCode.NoContent);
        (await Identity.CallAsync(project.Owner.Token, Get, path)).Should(HttpStatusCode.NotFound);
        (await Identity.CallAsync(project.Editor.Token, Get, "/v1/tokens")).Should(HttpStatusCode.Unauthorized);
        var again = new { user = project.Editor.Name, role = "viewer" };
        (await Identity.CallAsync(project.Owner.Token, Post, $"/v1/projects/{project.Id}/members", again)).Should(HttpStatusCode.Created);
        (await Identity.ExchangeAsync(project.Editor.Token)).Token!.Role.ShouldBe("Viewer");
    }

    [Fact]
    public async Task Remove_OfWhoNeverWas_IsNotFound()
    {
        var project = await NewProjectAsync();
        var other = await NewProjectAsync();
        (await Identity.CallAsync(project.Owner.Token, Delete, $"/v1/projects/{project.Id}/members/{other.Editor.Id}"))
            .Should(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Leave_OfTheLastOwner_IsRefused()
    {
        var project = await NewProjectAsync();
        var path = $"/v1/projects/{project.Id}/members/{project.Owner.Id}";
        (await Identity.CallAsync(project.Owner.Token, Delete, path)).Should(HttpStatusCode.Conflict, "last-owner");
        (await Identity.CallAsync(project.Owner.Token, Patch, path, new { role = "viewer" })).Should(HttpStatusCode.Conflict, "last-owner");
        await NewMemberAsync(project.Id, "owner");
        (await Identity.CallAsync(project.Owner.Token, Delete, path)).Should(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Leave_OfTwoOwnersAtOnce_LeavesOne()
    {
        var project = await NewProjectAsync();
        var second = await NewMemberAsync(project.Id, "owner");
        var answers = await Task.WhenAll(
            Identity.CallAsync(project.Owner.Token, Delete, $"/v1/projects/{project.Id}/members/{project.Owner.Id}"),
            Identity.CallAsync(second.Token, Delete, $"/v1/projects/{project.Id}/members/{second.Id}"));
        answers.Count(answer => answer.Status == HttpStatusCode.NoContent).ShouldBe(1);
        answers.Count(answer => answer.Code == "last-owner").ShouldBe(1);
    }

    [Fact]
    public async Task List_ByViewer_HoldsAllMembers()
    {
        var project = await NewProjectAsync();
        var list = (await Identity.CallAsync(project.Viewer.Token, Get, $"/v1/projects/{project.Name}/members")).Should(HttpStatusCode.OK);
        list.Items.Select(item => item["role"]!.GetValue<string>()).ShouldBe(["viewer", "editor", "owner"], ignoreOrder: true);
    }
}
