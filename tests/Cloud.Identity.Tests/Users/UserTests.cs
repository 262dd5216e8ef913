using System.Net;
using Cloud.Identity.Tests.Kit;

namespace Cloud.Identity.Tests.Users;

public sealed class UserTestsOnSqlite(Databases databases) : UserTests(databases.OnSqlite);

public sealed class UserTestsOnPostgres(Databases databases) : UserTests(databases.OnPostgres);

public abstract class UserTests(IdentityUnderTest identity) : IdentityTest(identity)
{
    [Fact]
    public async Task Create_ByAdmin_AnswersTheUser()
    {
        var name = NewName("ada");
        var made = (await AdminAsync(Post, "/v1/users", new { name, labels = new { team = "core" } })).Should(HttpStatusCode.Created);
        made.Id.ShouldStartWith("user-");
        made["status"].ShouldBe("active");
        made.Json!["admin"]!.GetValue<bool>().ShouldBeFalse();
        (await AdminAsync(Get, $"/v1/users/{name}")).Should(HttpStatusCode.OK).Id.ShouldBe(made.Id);
        (await AdminAsync(Get, $"/v1/users?name={name}")).Items.Count.ShouldBe(1);
        (await AdminAsync(Post, "/v1/users", new { name })).Should(HttpStatusCode.Conflict, "name-taken");
    }

    [Fact]
    public async Task Create_ByOwner_IsForbidden()
    {
        var project = await NewProjectAsync();
        (await Identity.CallAsync(project.Owner.Token, Post, "/v1/users", new { name = NewName("mine"), admin = true }))
            .Should(HttpStatusCode.Forbidden);
        (await Identity.CallAsync(project.Owner.Token, Patch, $"/v1/users/{project.Owner.Id}", new { admin = true }))
            .Should(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Get_OfAnothersProjectsUser_IsNotFound()
    {
        var mine = await NewProjectAsync();
        var other = await NewProjectAsync();
        (await Identity.CallAsync(mine.Owner.Token, Get, $"/v1/users/{other.Viewer.Id}")).Should(HttpStatusCode.NotFound);
        (await Identity.CallAsync(mine.Owner.Token, Get, $"/v1/users/{mine.Viewer.Name}")).Should(HttpStatusCode.OK);
        var seen = (await Identity.CallAsync(mine.Viewer.Token, Get, "/v1/users")).Should(HttpStatusCode.OK);
        seen.Items.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Disable_EndsTokens_UntilEnabled()
    {
        var project = await NewProjectAsync();
        var path = $"/v1/users/{project.Editor.Id}";
        (await AdminAsync(Patch, path, new { status = "disabled" })).Should(HttpStatusCode.OK)["status"].ShouldBe("disabled");
        (await Identity.CallAsync(project.Editor.Token, Get, "/v1/tokens")).Should(HttpStatusCode.Unauthorized);
        (await AdminAsync(Get, "/v1/users?status=disabled&limit=1000"))
            .Items.ShouldContain(item => item["id"]!.GetValue<string>() == project.Editor.Id);
        (await AdminAsync(Patch, path, new { status = "active" })).Should(HttpStatusCode.OK);
        (await Identity.CallAsync(project.Editor.Token, Get, "/v1/tokens")).Should(HttpStatusCode.OK);
        (await AdminAsync(Patch, path, new { status = "deleted" })).Should(HttpStatusCode.BadRequest).Fields.ShouldBe(["status"]);
    }

    [Fact]
    public async Task Delete_Twice_Answers204_AndEndsTokensAndMemberships()
    {
        var project = await NewProjectAsync();
        var path = $"/v1/users/{project.Editor.Id}";
        (await AdminAsync(Delete, path)).Should(HttpStatusCode.NoContent);
        (await AdminAsync(Delete, path)).Should(HttpStatusCode.NoContent);
        (await AdminAsync(Delete, $"/v1/users/{project.Editor.Name}")).Should(HttpStatusCode.NoContent);
        (await AdminAsync(Get, path)).Should(HttpStatusCode.NotFound);
        (await Identity.CallAsync(project.Editor.Token, Get, "/v1/tokens")).Should(HttpStatusCode.Unauthorized);
        (await AdminAsync(Get, $"/v1/projects/{project.Id}/members")).Items.Count.ShouldBe(2);
        (await AdminAsync(Get, "/v1/tokens", project: project.Id)).Items.Count.ShouldBe(2);
        (await AdminAsync(Delete, "/v1/users/never-was")).Should(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task LastAdmin_CannotBeRemoved()
    {
        var admins = (await AdminAsync(Get, "/v1/users?limit=1000")).Items.Where(user => user["admin"]!.GetValue<bool>()).ToList();
        var last = admins.Single()["id"]!.GetValue<string>();
        (await AdminAsync(Delete, $"/v1/users/{last}")).Should(HttpStatusCode.Conflict, "last-admin");
        (await AdminAsync(Patch, $"/v1/users/{last}", new { admin = false })).Should(HttpStatusCode.Conflict, "last-admin");
        (await AdminAsync(Patch, $"/v1/users/{last}", new { admin = (bool?)null })).Should(HttpStatusCode.Conflict, "last-admin");
        (await AdminAsync(Patch, $"/v1/users/{last}", new { status = "disabled" })).Should(HttpStatusCode.Conflict, "last-admin");
    }

    [Fact]
    public async Task Admin_WhoIsNoMoreAdmin_LosesTheRole()
    {
        var project = await NewProjectAsync();
        (await AdminAsync(Patch, $"/v1/users/{project.Editor.Id}", new { admin = true })).Should(HttpStatusCode.OK);
        try
        {
            var body = new { name = NewName("root"), role = "admin", user = project.Editor.Id };
            var token = (await AdminAsync(Post, "/v1/tokens", body, project.Id)).Should(HttpStatusCode.Created)["token"];
            (await Identity.ExchangeAsync(token)).Token!.Role.ShouldBe("Admin");
            (await AdminAsync(Patch, $"/v1/users/{project.Editor.Id}", new { admin = false })).Should(HttpStatusCode.OK);
            (await Identity.ExchangeAsync(token)).Token!.Role.ShouldBe("Editor");
        }
        finally
        {
            await AdminAsync(Patch, $"/v1/users/{project.Editor.Id}", new { admin = false });
        }
    }
}
