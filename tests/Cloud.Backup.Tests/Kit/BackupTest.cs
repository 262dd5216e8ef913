using System.Net;
using System.Text.Json;
using Cloud.ServiceDefaults.Auth;
using Cloud.Testing;

namespace Cloud.Backup.Tests.Kit;

/// <summary>A test against a shared service, with a project of its own. Each suite runs on both databases.</summary>
public abstract class BackupTest(BackupsUnderTest service)
{
    protected const int VolumeBytes = 4 * 1024 * 1024;

    private static int _names;

    protected BackupsUnderTest Service => service;

    private protected FakeBlockStorage Storage => service.Storage;

    private protected FakeCompute Compute => service.Compute;

    private protected FakeDatabases Databases => service.Databases;

    private protected FakeBuckets Buckets => service.Buckets;

    protected string Project { get; } = NewName("prj");

    protected static string NewName(string word) => $"{word}-{Interlocked.Increment(ref _names)}";

    protected Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(
        HttpMethod method, string path, object? body = null, Role role = Role.Owner, string? project = null) =>
        service.SendAsync(method, path, body, project ?? Project, role);

    protected Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, object? body = null) =>
        SendAsync(HttpMethod.Post, path, body);

    protected async Task<JsonElement> GetAsync(string path)
    {
        var (status, body) = await SendAsync(HttpMethod.Get, path);
        status.ShouldBe(HttpStatusCode.OK, body.ToString());
        return body;
    }

    /// <summary>A volume of noise; its id and its bytes, which may be changed.</summary>
    private protected (string Id, byte[] Bytes) AddVolume(int sizeBytes = VolumeBytes)
    {
        var bytes = new byte[sizeBytes];
        new Random(1).NextBytes(bytes);
        return (Storage.AddVolume(NewName("data"), bytes), bytes);
    }

    protected async Task<JsonElement> PlanAsync(string volume, object? more = null)
    {
        var request = JsonSerializer.SerializeToNode(new
        {
            name = NewName("plan"),
            schedule = "0 3 * * *",
            resources = new[] { volume },
            verify = false,
        })!.AsObject();
        foreach (var (key, value) in JsonSerializer.SerializeToNode(more ?? new { })!.AsObject().ToList())
        {
            request[key] = value?.DeepClone();
        }

        var (status, plan) = await PostAsync("/v1/backup-plans", request);
        status.ShouldBe(HttpStatusCode.Created, plan.ToString());
        return plan;
    }

    /// <summary>A vault that the cloud keeps itself; its id.</summary>
    protected async Task<string> NewVaultAsync(object? more = null)
    {
        var request = JsonSerializer.SerializeToNode(more ?? new { })!.AsObject();
        request["name"] = NewName("vault");
        var (status, vault) = await PostAsync("/v1/vaults", request);
        status.ShouldBe(HttpStatusCode.Created, vault.ToString());
        return IdOf(vault);
    }

    /// <summary>Runs a plan; its only job, which has succeeded.</summary>
    protected async Task<JsonElement> RunAsync(JsonElement plan)
    {
        var (status, jobs) = await PostAsync($"/v1/backup-plans/{IdOf(plan)}/run?wait=60");
        status.ShouldBe(HttpStatusCode.OK, jobs.ToString());
        var job = jobs.GetProperty("items").EnumerateArray().Single();
        StatusOf(job).ShouldBe("succeeded", job.ToString());
        return job;
    }

    protected async Task<string> BackUpAsync(JsonElement plan) => (await RunAsync(plan)).GetProperty("recoveryPoint").GetString()!;

    /// <summary>Does what answers a job, and waits for it.</summary>
    protected async Task<JsonElement> JobAsync(string path, object? body = null, string expected = "succeeded")
    {
        var (status, job) = await PostAsync($"{path}?wait=60", body);
        status.ShouldBe(HttpStatusCode.OK, job.ToString());
        StatusOf(job).ShouldBe(expected, job.ToString());
        return job;
    }

    protected string FolderOf(string vault) => Path.Combine(service.Data, "objects", "vaults", vault);

    protected Task UntilAsync(string path, string status) => Eventually.HoldsAsync(
        async () => StatusOf(await GetAsync(path)) == status, $"{path} {status}");

    /// <summary>The refusal that the answer must be: its code.</summary>
    protected static string RefusalOf((HttpStatusCode Status, JsonElement Body) answer, HttpStatusCode expected)
    {
        answer.Status.ShouldBe(expected, answer.Body.ToString());
        return answer.Body.GetProperty("code").GetString()!;
    }

    /// <summary>The answer must be a 400 that names this field.</summary>
    protected static void ShouldName((HttpStatusCode Status, JsonElement Body) answer, string field)
    {
        answer.Status.ShouldBe(HttpStatusCode.BadRequest, answer.Body.ToString());
        answer.Body.GetProperty("errors").TryGetProperty(field, out _).ShouldBeTrue(answer.Body.ToString());
    }

    protected static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;

    protected static string StatusOf(JsonElement resource) => resource.GetProperty("status").GetString()!;
}
