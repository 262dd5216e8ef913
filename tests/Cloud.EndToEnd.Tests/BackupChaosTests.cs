using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// Kills the backup service, block storage, object storage or the agent at a random moment of a backup, its copy and its try, a restore
/// and a prune, all at once. Then everything ends well by itself: each point restores byte for byte, both vaults are whole, no volume or
/// snapshot is left that served a job, and when the points are gone nothing is left of them. <c>CLOUD_TEST_ROUNDS</c> says how many rounds,
/// <c>CLOUD_TEST_SEED</c> replays one.
/// </summary>
[Collection(OnDistributedCloud.Name)]
public sealed class BackupChaosTests(DistributedCloud cloud, ITestOutputHelper output) : IDisposable
{
    private const int RoundsDefault = 1;
    private const int PointsKept = 2;
    private const int SizeBytes = 16 << 20;
    private const int WrittenBytes = 300_000;
    private const string AllVolumes = "/v1/volumes?limit=1000";
    private const string AllSnapshots = "/v1/snapshots?limit=1000";
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(90);
    private static readonly string[] Victims = ["backup", "block-storage", "host", "objects"];

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-vault-").FullName;

    /// <summary>What each point holds, by its id.</summary>
    private readonly Dictionary<string, string> _digests = [];

    /// <summary>Volumes and snapshots of other tests.</summary>
    private readonly HashSet<string> _others = [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task KillsAtRandomMoments_LoseNoPoint_AndLeaveNothing()
    {
        var seed = ReadNumber("CLOUD_TEST_SEED") ?? Environment.TickCount;
        var rounds = ReadNumber("CLOUD_TEST_ROUNDS") ?? RoundsDefault;
        output.WriteLine($"CLOUD_TEST_SEED={seed} CLOUD_TEST_ROUNDS={rounds}");
        var chance = new Random(seed);
        var first = (await cloud.PostAsync("/v1/vaults", new { name = "chaos" })).GetProperty("id").GetString()!;
        var second = (await cloud.PostAsync("/v1/vaults", new { name = "chaos-copies", folder = Path.Combine(_folder, "vault") }))
            .GetProperty("id").GetString()!;
        _others.UnionWith([.. await IdsAsync(AllVolumes), .. await IdsAsync(AllSnapshots)]);
        var volume = await BackedUpVolume.CreateAsync(cloud, "chaos", SizeBytes);
        await volume.WriteAsync(0, RandomNumberGenerator.GetBytes(SizeBytes / 2));
        var plan = (await cloud.PostAsync("/v1/backup-plans", new
        {
            name = "chaos",
            vault = first,
            copyTo = second,
            schedule = "0 3 * * *",
            resources = new[] { volume.Id },
            retention = new { last = 100 },
        })).GetProperty("id").GetString()!;
        await KnowAsync(first, second, await WriteAsync(volume, chance), await BackedUpVolume.RunAsync(cloud, plan));
        for (var round = 1; round <= rounds; round++)
        {
            var digest = await WriteAsync(volume, chance);
            await RunAsync(round, chance, plan, first);
            await KnowAsync(first, second, digest, await NewestAsync(plan));
            await RequireNothingLeftAsync(round, volume.Id);
            await RequireWholeAsync(round, first, second, restores: round < rounds);
        }

        await EndAsync(plan, first, second);
        await cloud.DeleteVolumeAsync(volume.Id);
    }

    private static Task<string> WriteAsync(BackedUpVolume volume, Random chance)
    {
        var bytes = new byte[WrittenBytes];
        chance.NextBytes(bytes);
        return volume.WriteAsync(chance.Next(SizeBytes - WrittenBytes), bytes);
    }

    /// <summary>A backup with its copy and its try, a restore, a point that goes and is pruned; and a kill among them.</summary>
    private async Task RunAsync(int round, Random chance, string plan, string vault)
    {
        var points = await PointsAsync(vault);
        var restored = points[chance.Next(points.Count)];
        var name = $"chaos-restored-{round}";
        List<(HttpMethod Method, string Path, object? Body)> calls =
        [
            (HttpMethod.Post, $"/v1/backup-plans/{plan}/run", null),
            (HttpMethod.Post, $"/v1/recovery-points/{restored}/restore", new { name }),
            .. points.Where(point => points.Count > PointsKept || point != restored).Take(1)
                .Select(point => (HttpMethod.Delete, $"/v1/recovery-points/{point}", (object?)null)),
        ];
        var unit = Victims[chance.Next(Victims.Length)];
        var moment = TimeSpan.FromMilliseconds(chance.Next(2500));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"round {round}: kill -9 {unit} after {moment.TotalMilliseconds} ms"));
        var sent = calls.Select(call => SendAsync(call.Method, call.Path, call.Body)).ToList();
        await Task.Delay(moment);
        await cloud.KillAsync(unit);
        await Task.WhenAll(sent);
        await cloud.UpAsync();

        // What was not answered may not have been heard.
        await cloud.PostAsync($"/v1/backup-plans/{plan}/run", null, HttpStatusCode.Accepted);
        await UntilAsync(async () => await CountAsync("queued") + await CountAsync("running") == 0, $"round {round}: all jobs have ended");
        var failed = (await cloud.GetAsync("/v1/backup-jobs?status=failed&limit=1000")).GetProperty("items").EnumerateArray()
            .Where(job => job.GetProperty("vault").GetString() == vault).ToList();
        failed.ShouldBeEmpty($"round {round}");
        foreach (var made in (await cloud.GetAsync($"/v1/volumes?name={name}")).GetProperty("items").EnumerateArray())
        {
            var id = made.GetProperty("id").GetString()!;
            (await BackedUpVolume.DigestAsync(cloud, id)).ShouldBe(_digests[restored], $"round {round}: what was restored meanwhile");
            (await cloud.SendAsync(HttpMethod.Delete, $"/v1/volumes/{id}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);
        }
    }

    /// <summary>Notes what a backup's point holds, and all others of the same bytes, and that they do.</summary>
    private async Task KnowAsync(string first, string second, string digest, JsonElement job)
    {
        _digests[job.GetProperty("recoveryPoint").GetString()!] = digest;
        foreach (var vault in new[] { first, second })
        {
            foreach (var point in await PointsAsync(vault))
            {
                var view = await cloud.GetAsync($"/v1/recovery-points/{point}");
                if (view.GetProperty("copyOf").GetString() is { } original && _digests.TryGetValue(original, out var copied))
                {
                    _digests.TryAdd(point, copied);
                }

                // One that the kill came after is of the same bytes as the one that made sure.
                _digests.TryAdd(point, digest);
            }
        }
    }

    private async Task RequireNothingLeftAsync(int round, string volume)
    {
        _others.Add(volume);
        await UntilAsync(async () => await LeftAsync(AllVolumes) == 0, $"round {round}: no volume is left that served a job");
        await UntilAsync(async () => await LeftAsync(AllSnapshots) == 1, $"round {round}: one snapshot is left, that of the newest point");
        await HostDisks.RequireWholeAsync(cloud.Data);
    }

    private async Task<int> LeftAsync(string path) => (await IdsAsync(path)).Count(id => !_others.Contains(id));

    private async Task RequireWholeAsync(int round, string first, string second, bool restores)
    {
        foreach (var vault in new[] { first, second })
        {
            var verify = await cloud.PostAsync($"/v1/vaults/{vault}/verify?wait=60", null, HttpStatusCode.OK);
            verify.GetProperty("status").GetString().ShouldBe("succeeded", $"round {round}: {verify}");
            foreach (var point in (await PointsAsync(vault)).TakeLast(restores ? 1 : 0))
            {
                await BackedUpVolume.RequireRestoresAsync(cloud, point, _digests[point], $"round {round}");
            }
        }
    }

    /// <summary>With its last point a vault has nothing left to hold.</summary>
    private async Task EndAsync(string plan, string first, string second)
    {
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/backup-plans/{plan}")).Status.ShouldBe(HttpStatusCode.NoContent);
        foreach (var vault in new[] { first, second })
        {
            foreach (var point in await PointsAsync(vault))
            {
                await BackedUpVolume.RequireRestoresAsync(cloud, point, _digests[point]);
                (await cloud.SendAsync(HttpMethod.Delete, $"/v1/recovery-points/{point}")).Status.ShouldBe(HttpStatusCode.NoContent);
            }

            await UntilAsync(
                async () => (await cloud.GetAsync($"/v1/vaults/{vault}")).GetProperty("storedBytes").GetInt64() == 0, $"{vault} is empty");
        }

        await UntilAsync(() => Task.FromResult(FilesLeft().Count == 0), $"no file is left: {string.Join(' ', FilesLeft())}");
        await UntilAsync(async () => await LeftAsync(AllSnapshots) == 0, "no snapshot is left");
        foreach (var vault in new[] { first, second })
        {
            (await cloud.SendAsync(HttpMethod.Delete, $"/v1/vaults/{vault}")).Status.ShouldBe(HttpStatusCode.Accepted);
            await UntilAsync(
                async () => (await cloud.SendAsync(HttpMethod.Get, $"/v1/vaults/{vault}")).Status == HttpStatusCode.NotFound, "it is gone");
        }
    }

    private List<string> FilesLeft() => Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories)
        .Where(path => Path.GetFileName(path) != "vault.json").ToList();

    private async Task<JsonElement> NewestAsync(string plan)
    {
        var jobs = (await cloud.GetAsync($"/v1/backup-jobs?plan={plan}&limit=1000")).GetProperty("items").EnumerateArray();
        return jobs.Last(job => job.GetProperty("kind").GetString() == "backup");
    }

    /// <summary>The points of a vault, the oldest first.</summary>
    private Task<IReadOnlyList<string>> PointsAsync(string vault) => IdsAsync($"/v1/recovery-points?vault={vault}&limit=1000");

    private async Task<int> CountAsync(string status) => (await IdsAsync($"/v1/backup-jobs?status={status}&limit=1000")).Count;

    private async Task<IReadOnlyList<string>> IdsAsync(string path) =>
        [.. (await cloud.GetAsync(path)).GetProperty("items").EnumerateArray().Select(one => one.GetProperty("id").GetString()!)];

    /// <summary>Whether it is answered does not matter, only what the cloud makes of it.</summary>
    private async Task SendAsync(HttpMethod method, string path, object? body)
    {
        try
        {
            await cloud.SendAsync(method, path, body);
        }
        catch (Exception lost) when (lost is HttpRequestException or JsonException or IOException)
        {
            // The process that was to answer is the one that was killed.
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> holds, string what)
    {
        using var limit = new CancellationTokenSource(SettleLimit);
        while (!await holds())
        {
            limit.IsCancellationRequested.ShouldBeFalse(what);
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    private static int? ReadNumber(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;
}
