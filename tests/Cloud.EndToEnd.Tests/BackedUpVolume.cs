using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>A volume that no guest has: written and read by its content.</summary>
internal sealed class BackedUpVolume(CloudUnderTest cloud, string id)
{
    public string Id => id;

    public static async Task<BackedUpVolume> CreateAsync(CloudUnderTest cloud, string name, long sizeBytes) => new(
        cloud, (await cloud.PostAsync("/v1/volumes?wait=60", new { name, sizeBytes })).GetProperty("id").GetString()!);

    /// <summary>Writes bytes at an offset; the digest of all that the volume holds then.</summary>
    public async Task<string> WriteAsync(long offset, byte[] bytes)
    {
        using var put = new HttpRequestMessage(HttpMethod.Put, $"/v1/volumes/{id}/content") { Content = new ByteArrayContent(bytes) };
        put.Content.Headers.ContentRange = new ContentRangeHeaderValue(offset, offset + bytes.Length - 1);
        using var answer = await cloud.Http.SendAsync(put);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        return await DigestAsync(cloud, id);
    }

    public static async Task<string> DigestAsync(CloudUnderTest cloud, string volume)
    {
        using var get = new HttpRequestMessage(HttpMethod.Get, $"/v1/volumes/{volume}/content");
        get.Headers.Add("Want-Repr-Digest", "sha-256=9");
        using var answer = await cloud.Http.SendAsync(get, HttpCompletionOption.ResponseHeadersRead);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return answer.Headers.GetValues("Repr-Digest").Single();
    }

    /// <summary>Makes a volume of a point, which holds what is expected, and removes it.</summary>
    public static async Task RequireRestoresAsync(CloudUnderTest cloud, string point, string digest, string why = "")
    {
        var job = await cloud.PostAsync($"/v1/recovery-points/{point}/restore?wait=120", new { name = point }, HttpStatusCode.OK);
        job.GetProperty("status").GetString().ShouldBe("succeeded", $"{why} {job}");
        var made = job.GetProperty("restored").GetString()!;
        (await DigestAsync(cloud, made)).ShouldBe(digest, $"{why}: what is restored of {point}");
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/volumes/{made}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent, why);
    }

    /// <summary>Runs a plan to the end of all that it starts; its only job, which has succeeded.</summary>
    public static async Task<JsonElement> RunAsync(CloudUnderTest cloud, string plan)
    {
        var jobs = await cloud.PostAsync($"/v1/backup-plans/{plan}/run?wait=120", null, HttpStatusCode.OK);
        foreach (var other in (await cloud.GetAsync($"/v1/backup-jobs?plan={plan}&limit=1000")).GetProperty("items").EnumerateArray())
        {
            var ended = await cloud.GetAsync($"/v1/backup-jobs/{other.GetProperty("id").GetString()}?wait=120");
            ended.GetProperty("status").GetString().ShouldBe("succeeded", ended.ToString());
        }

        return jobs.GetProperty("items").EnumerateArray().Single();
    }
}
