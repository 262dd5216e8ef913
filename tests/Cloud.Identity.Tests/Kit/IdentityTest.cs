using System.Net;

namespace Cloud.Identity.Tests.Kit;

/// <summary>A test against a shared service, with names of its own. Each suite runs on both databases.</summary>
public abstract class IdentityTest(IdentityUnderTest identity)
{
    private static int _names;

    protected IdentityUnderTest Identity => identity;

    protected string AdminToken => identity.AdminToken;

    protected static HttpMethod Get => HttpMethod.Get;

    protected static HttpMethod Post => HttpMethod.Post;

    protected static HttpMethod Put => HttpMethod.Put;

    protected static HttpMethod Patch => HttpMethod.Patch;

    protected static HttpMethod Delete => HttpMethod.Delete;

    /// <summary>A name that no other test takes.</summary>
    protected static string NewName(string word) => $"{word}-{Interlocked.Increment(ref _names)}";

    protected Task<Answer> AdminAsync(
        HttpMethod method, string path, object? body = null, string? project = null, string? ifMatch = null) =>
        identity.CallAsync(AdminToken, method, path, body, project, ifMatch);

    /// <summary>A project with a member of each role, and their tokens.</summary>
    protected async Task<TestProject> NewProjectAsync()
    {
        var name = NewName("project");
        var project = (await AdminAsync(Post, "/v1/projects", new { name })).Should(HttpStatusCode.Created);
        var members = new List<TestMember>();
        foreach (var role in new[] { "viewer", "editor", "owner" })
        {
            members.Add(await NewMemberAsync(project.Id, role));
        }

        return new TestProject(project.Id, name, members[0], members[1], members[2]);
    }

    /// <summary>A new user who is a member of the project, with a token of their role.</summary>
    protected async Task<TestMember> NewMemberAsync(string project, string role)
    {
        var name = NewName(role);
        var user = (await AdminAsync(Post, "/v1/users", new { name })).Should(HttpStatusCode.Created);
        (await AdminAsync(Post, $"/v1/projects/{project}/members", new { user = name, role })).Should(HttpStatusCode.Created);
        var token = (await AdminAsync(Post, "/v1/tokens", new { name = $"{name}-token", role, user = name }, project))
            .Should(HttpStatusCode.Created);
        return new TestMember(user.Id, name, token.Id, token["token"]);
    }
}

/// <param name="Viewer">And a member for each further role.</param>
public sealed record TestProject(string Id, string Name, TestMember Viewer, TestMember Editor, TestMember Owner);

/// <param name="Id">The user's.</param>
/// <param name="Token">As it goes into the header.</param>
public sealed record TestMember(string Id, string Name, string TokenId, string Token);
