using System.Net;
using Cloud.Identity.Tests.Kit;

namespace Cloud.Identity.Tests.Projects;

public sealed class ProjectTestsOnSqlite(Databases databases) : ProjectTests(databases.OnSqlite);

public sealed class ProjectTestsOnPostgres(Databases databases) : ProjectTests(databases.OnPostgres);

public abstract class ProjectTests(IdentityUnderTest identity) : IdentityTest(identity)
{
    [Fact]
    public async Task Create_ByAdmin_AnswersTheProjectWithLocationAndETag()
    {
        var name = NewName("shop");
        var made = (await AdminAsync(Post, "/v1/projects", new { name, description = "A shop.", labels = new { env = "dev" } }))
            .Should(HttpStatusCode.Created);
        made.Id.ShouldStartWith("prj-");
        made["name"].ShouldBe(name);
        made["status"].ShouldBe("active");
        made.Json!["labels"]!["env"]!.GetValue<string>().ShouldBe("dev");
        made.Location.ShouldBe($"/v1/projects/{made.Id}");
        made.ETag.ShouldBe("\"1\"");
        (await AdminAsync(Get, made.Location!)).Should(HttpStatusCode.OK)["description"].ShouldBe("A shop.");
        (await AdminAsync(Get, $"/v1/projects/{name}")).Should(HttpStatusCode.OK).Id.ShouldBe(made.Id);
    }

    [Fact]
    public async Task Create_WithOwner_MakesThemOwner()
    {
        var owner = NewName("owner");
        (await AdminAsync(Post, "/v1/users", new { name = owner })).Should(HttpStatusCode.Created);
        var project = (await AdminAsync(Post, "/v1/projects", new { name = NewName("owned"), owner })).Should(HttpStatusCode.Created);
        (await AdminAsync(Get, $"/v1/projects/{project.Id}/members/{owner}")).Should(HttpStatusCode.OK)["role"].ShouldBe("owner");
    }

    [Theory]
    [InlineData("owner")]
    [InlineData("editor")]
    [InlineData("viewer")]
    public async Task Create_ByOthers_IsForbidden(string role)
    {
        var project = await NewProjectAsync();
        var member = role == "owner" ? project.Owner : role == "editor" ? project.Editor : project.Viewer;
        (await Identity.CallAsync(member.Token, Post, "/v1/projects", new { name = NewName("mine") }))
            .Should(HttpStatusCode.Forbidden, "forbidden");
    }

    [Fact]
    public async Task Create_WithATakenName_IsRefused()
    {
        var name = NewName("twice");
        (await AdminAsync(Post, "/v1/projects", new { name })).Should(HttpStatusCode.Created);
        (await AdminAsync(Post, "/v1/projects", new { name })).Should(HttpStatusCode.Conflict, "name-taken");
    }

    [Theory]
    [InlineData("")]
    [InlineData("Upper")]
    [InlineData("-dash")]
    [InlineData("dash-")]
    [InlineData("under_score")]
    [InlineData("sp ace")]
    [InlineData("dot.dot")]
    [InlineData("naïve")]
    [InlineData("a234567890123456789012345678901234567890123456789012345678901234")]
    public async Task Create_WithABadName_NamesTheField(string name)
    {
        var refused = (await AdminAsync(Post, "/v1/projects", new { name })).Should(HttpStatusCode.BadRequest, "invalid-request");
        refused.Fields.ShouldContain("name");
    }

    [Fact]
    public async Task Get_OfAnotherProject_IsNotFoundForItsMembers()
    {
        var mine = await NewProjectAsync();
        var other = await NewProjectAsync();
        foreach (var path in new[] { $"/v1/projects/{other.Id}", $"/v1/projects/{other.Name}", $"/v1/projects/{other.Id}/members" })
        {
            (await Identity.CallAsync(mine.Owner.Token, Get, path)).Should(HttpStatusCode.NotFound, "not-found");
        }

        (await Identity.CallAsync(mine.Owner.Token, Patch, $"/v1/projects/{other.Id}", new { description = "mine now" }))
            .Should(HttpStatusCode.NotFound);
        (await Identity.CallAsync(mine.Owner.Token, Get, "/v1/projects", project: other.Name)).Should(HttpStatusCode.NotFound);
        (await Identity.CallAsync(mine.Owner.Token, Get, "/v1/projects", project: mine.Name)).Should(HttpStatusCode.OK);
    }

    [Fact]
    public async Task List_ByMember_HoldsTheTokensProjectAlone()
    {
        var mine = await NewProjectAsync();
        await NewProjectAsync();
        var list = (await Identity.CallAsync(mine.Viewer.Token, Get, "/v1/projects")).Should(HttpStatusCode.OK);
        list.Items.Single()["id"]!.GetValue<string>().ShouldBe(mine.Id);
    }

    [Fact]
    public async Task List_PageByPage_HoldsEachOnce()
    {
        var label = NewName("page");
        var made = new List<string>();
        for (var i = 0; i < 7; i++)
        {
            made.Add((await AdminAsync(Post, "/v1/projects", new { name = NewName("paged"), labels = new { set = label } })).Id);
        }

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = (await AdminAsync(Get, $"/v1/projects?limit=3&label=set={label}" + (cursor is null ? "" : $"&cursor={cursor}")))
                .Should(HttpStatusCode.OK);
            seen.AddRange(page.Items.Select(item => item["id"]!.GetValue<string>()));
            cursor = page.Json!["nextCursor"]?.GetValue<string>();
        }
        while (cursor is not null);
        seen.ShouldBe(made);
    }

    [Fact]
    public async Task Patch_WithAnOldETag_IsRefused()
    {
        var project = (await AdminAsync(Post, "/v1/projects", new { name = NewName("etag") })).Should(HttpStatusCode.Created);
        var path = $"/v1/projects/{project.Id}";
        var changed = (await AdminAsync(Patch, path, new { description = "one" }, ifMatch: project.ETag)).Should(HttpStatusCode.OK);
        changed.ETag.ShouldNotBe(project.ETag);
        (await AdminAsync(Patch, path, new { description = "two" }, ifMatch: project.ETag))
            .Should(HttpStatusCode.PreconditionFailed, "etag-mismatch");
        (await AdminAsync(Delete, path, ifMatch: project.ETag)).Should(HttpStatusCode.PreconditionFailed);
        (await AdminAsync(Get, path))["description"].ShouldBe("one");
    }

    [Fact]
    public async Task Patch_OfLabels_MergesThem()
    {
        var project = (await AdminAsync(Post, "/v1/projects", new { name = NewName("merge"), labels = new { a = "1", b = "2" } }))
            .Should(HttpStatusCode.Created);
        var patch = new { labels = new Dictionary<string, string?> { ["a"] = null, ["c"] = "3" } };
        var changed = (await AdminAsync(Patch, $"/v1/projects/{project.Id}", patch)).Should(HttpStatusCode.OK);
        changed.Json!["labels"]!.AsObject().Select(label => label.Key).ShouldBe(["b", "c"]);
    }

    [Fact]
    public async Task Rename_ByOwner_IsForbidden_ByAdminDone()
    {
        var project = await NewProjectAsync();
        var name = NewName("renamed");
        (await Identity.CallAsync(project.Owner.Token, Patch, $"/v1/projects/{project.Id}", new { name })).Should(HttpStatusCode.Forbidden);
        (await Identity.CallAsync(project.Owner.Token, Patch, $"/v1/projects/{project.Id}", new { description = "ours" }))
            .Should(HttpStatusCode.OK);
        (await AdminAsync(Patch, $"/v1/projects/{project.Id}", new { name })).Should(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Delete_Twice_Answers204_AndEndsItsTokens()
    {
        var project = await NewProjectAsync();
        var path = $"/v1/projects/{project.Id}";
        (await AdminAsync(Delete, path)).Should(HttpStatusCode.NoContent);
        (await AdminAsync(Delete, path)).Should(HttpStatusCode.NoContent);
        (await AdminAsync(Get, path)).Should(HttpStatusCode.NotFound);
        (await AdminAsync(Get, "/v1/tokens", project: project.Id)).Should(HttpStatusCode.NotFound);
        (await Identity.CallAsync(project.Owner.Token, Get, "/v1/tokens")).Should(HttpStatusCode.Unauthorized);
        (await AdminAsync(Post, "/v1/projects", new { name = project.Name })).Should(HttpStatusCode.Created);
        (await AdminAsync(Delete, "/v1/projects/prj-00000000000000000000000000")).Should(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Delete_OfTheTokensOwnProject_IsRefused() =>
        (await AdminAsync(Delete, "/v1/projects/default")).Should(HttpStatusCode.Conflict, "project-in-use");
}
