using System.Net;

namespace Cloud.EndToEnd.Tests;

/// <summary>Many at once: quotas to the last one, and a host that is asked for more than it likes.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class QuotaTests(LocalCloud cloud)
{
    [Fact]
    public async Task HundredCreates_AgainstAQuotaOfTen_GiveExactlyTen()
    {
        await cloud.SendAsync(HttpMethod.Post, "/v1/projects", new { name = "ten" });
        (await cloud.SendAsync(HttpMethod.Patch, "/v1/quotas?project=ten", new { instances = 10 })).Status.ShouldBe(HttpStatusCode.OK);

        // Bound to an image that is still to come, so that no guest is started: what is counted is the row.
        await cloud.SendAsync(HttpMethod.Post, "/v1/images?project=ten", new { name = "later", format = "raw" });
        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(at =>
            cloud.SendAsync(HttpMethod.Post, "/v1/instances?project=ten", new { name = $"i{at}", image = "later", type = "nano" })));

        answers.Count(answer => answer.Status == HttpStatusCode.Created).ShouldBe(10);
        var refused = answers.Where(answer => answer.Status != HttpStatusCode.Created).ToList();
        refused.ShouldAllBe(
            answer => answer.Status == HttpStatusCode.Conflict && answer.Body!.Value.GetProperty("code").GetString() == "quota-exceeded");
        (await cloud.GetAsync("/v1/instances?project=ten")).GetProperty("items").GetArrayLength().ShouldBe(10);

        foreach (var made in answers.Where(answer => answer.Status == HttpStatusCode.Created))
        {
            var id = made.Body!.Value.GetProperty("id").GetString();
            (await cloud.SendAsync(HttpMethod.Delete, $"/v1/instances/{id}?wait=60&project=ten")).Status.ShouldBe(HttpStatusCode.NoContent);
        }

        (await cloud.SendAsync(HttpMethod.Post, "/v1/instances?project=ten", new { name = "again", image = "later", type = "nano" }))
            .Status.ShouldBe(HttpStatusCode.Created);
    }
}
