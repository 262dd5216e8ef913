using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>Kills on the cloud in one process: all of it dies at once.</summary>
[Collection(OnSecondLocalCloud.Name)]
public sealed class LocalBackupChaosTests(LocalCloud cloud, ITestOutputHelper output) : BackupChaosTests(cloud, output);

/// <summary>Kills on the cloud of many processes: each service, the agent, PostgreSQL, RabbitMQ.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedBackupChaosTests(DistributedCloud cloud, ITestOutputHelper output) : BackupChaosTests(cloud, output);

/// <summary>
/// Kills a process of the cloud at a random moment of a backup, its copy and its try, a restore and a prune, all at once, of a volume, an
/// instance, a bucket or a database. Then everything ends well by itself: each point restores to what it was of, both vaults are whole,
/// nothing is left that served a job, and when the points are gone nothing is left of them. <c>CLOUD_TEST_ROUNDS</c> says how many rounds,
/// <c>CLOUD_TEST_SEED</c> replays one.
/// </summary>
public abstract class BackupChaosTests(CloudUnderTest cloud, ITestOutputHelper output) : IDisposable
{
    private const int PointsKept = 2;
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(180);

    private static readonly Func<CloudUnderTest, Task<BackedUpThing>>[] Kinds =
        [ThingOfVolume.CreateAsync, ThingOfInstance.CreateAsync, ThingOfBucket.CreateAsync, ThingOfDatabase.CreateAsync];

    /// <summary>What jobs make to serve them.</summary>
    private static readonly string[] Lists = ["/v1/volumes", "/v1/snapshots", "/v1/instances", "/v1/buckets", "/v1/databases"];

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-vault-").FullName;

    /// <summary>Of each kind that is backed up so far: the thing and its plan.</summary>
    private readonly Dictionary<int, (BackedUpThing Thing, string Plan)> _things = [];

    /// <summary>What each point holds, by its id.</summary>
    private readonly Dictionary<string, string> _digests = [];

    /// <summary>What other tests have, and what is backed up.</summary>
    private readonly HashSet<string> _others = [];

    private string[] _vaults = [];

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task KillsAtRandomMoments_LoseNoPoint_AndLeaveNothing()
    {
        var (chance, rounds) = Chaos.Begin(output);
        var first = (await cloud.PostAsync("/v1/vaults", new { name = "chaos" })).GetProperty("id").GetString()!;
        var second = (await cloud.PostAsync("/v1/vaults", new { name = "chaos-copies", folder = Path.Combine(_folder, "vault") }))
            .GetProperty("id").GetString()!;
        _vaults = [first, second];
        foreach (var list in Lists)
        {
            _others.UnionWith(await IdsAsync($"{list}?limit=1000"));
        }

        for (var round = 1; round <= rounds; round++)
        {
            var (thing, plan) = await ThingAsync(chance.Next(Kinds.Length), chance);
            var digest = await thing.ChangeAsync(chance);
            await RunAsync(round, chance, thing, plan);
            await KnowAsync(thing, digest);
            await RequireNothingLeftAsync(round);
            await RequireWholeAsync(round, thing, restores: round < rounds);
        }

        foreach (var (thing, plan) in _things.Values)
        {
            await EndAsync(thing, plan);
        }

        await RequireEmptyAsync();
    }

    /// <summary>The thing of a kind, made and backed up once where it is not yet.</summary>
    private async Task<(BackedUpThing Thing, string Plan)> ThingAsync(int kind, Random chance)
    {
        if (_things.TryGetValue(kind, out var there))
        {
            return there;
        }

        var thing = await Kinds[kind](cloud);
        _others.Add(thing.Id);
        var digest = await thing.ChangeAsync(chance);
        var plan = (await cloud.PostAsync("/v1/backup-plans", new
        {
            name = $"chaos-{kind}",
            vault = _vaults[0],
            copyTo = _vaults[1],
            schedule = "0 3 * * *",
            resources = new[] { thing.Id },
            retention = new { last = 4 },
        })).GetProperty("id").GetString()!;
        await BackedUpVolume.RunAsync(cloud, plan);
        await KnowAsync(thing, digest);
        return _things[kind] = (thing, plan);
    }

    /// <summary>A backup with its copy and its try, a restore, a point that goes and is pruned; and a kill among them.</summary>
    private async Task RunAsync(int round, Random chance, BackedUpThing thing, string plan)
    {
        var points = await PointsAsync(_vaults[0], thing);
        var restored = points[chance.Next(points.Count)];
        var name = $"chaos-restored-{round}";
        List<(HttpMethod Method, string Path, object? Body)> calls =
        [
            (HttpMethod.Post, $"/v1/backup-plans/{plan}/run", null),
            (HttpMethod.Post, $"/v1/recovery-points/{restored}/restore", new { name }),
            .. points.Where(point => points.Count > PointsKept || point != restored).Take(1)
                .Select(point => (HttpMethod.Delete, $"/v1/recovery-points/{point}", (object?)null)),
        ];
        var units = cloud.Units.Keys.Where(unit => unit != "supervisor").Order(StringComparer.Ordinal).ToList();
        var unit = units[chance.Next(units.Count)];
        var moment = TimeSpan.FromMilliseconds(chance.Next(4000));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"round {round}, {thing.Path}: kill -9 {unit} after {moment.TotalMilliseconds} ms"));
        var sent = calls.Select(call => SendAsync(call.Method, call.Path, call.Body)).ToList();
        await Task.Delay(moment);
        await cloud.KillAsync(unit);
        await Task.WhenAll(sent);
        await cloud.UpAsync();

        // What was not answered may not have been heard.
        await cloud.PostAsync($"/v1/backup-plans/{plan}/run", null, HttpStatusCode.Accepted);
        await UntilAsync(async () => !await AnyUnderWayAsync(), $"round {round}: all jobs have ended");
        var failed = (await cloud.GetAsync("/v1/backup-jobs?status=failed&limit=1000")).GetProperty("items").EnumerateArray()
            .Where(job => _vaults.Contains(job.GetProperty("vault").GetString())).ToList();
        failed.ShouldBeEmpty($"round {round}");
        foreach (var made in (await cloud.GetAsync($"{thing.Path}?name={name}")).GetProperty("items").EnumerateArray())
        {
            var id = made.GetProperty("id").GetString()!;
            (await thing.DigestAsync(id)).ShouldBe(_digests[restored], $"round {round}: what was restored meanwhile");
            await thing.DeleteAsync(id);
        }
    }

    /// <summary>Notes what the new points of a thing hold: what it holds now, or what a copy's original did.</summary>
    private async Task KnowAsync(BackedUpThing thing, string digest)
    {
        foreach (var vault in _vaults)
        {
            foreach (var point in await PointsAsync(vault, thing))
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

    private async Task RequireNothingLeftAsync(int round)
    {
        foreach (var list in Lists)
        {
            // The newest point of a volume keeps the snapshot that the next backup asks for changes since; of an instance its host does.
            var kept = list == "/v1/snapshots" ? _things.Values.Count(one => one.Thing is ThingOfVolume) : 0;
            await UntilAsync(async () => await LeftAsync(list) == kept, $"round {round}: no more than {kept} of {list} is left");
        }

        var roots = _things.Values.Count(one => one.Thing is ThingOfInstance);
        await UntilAsync(
            () => Task.FromResult(RootsLeft().Count == roots), $"round {round}: of root disks is left {string.Join(' ', RootsLeft())}");
        await HostDisks.RequireWholeAsync(cloud.Data);
    }

    /// <summary>What the hosts keep of root disks for backups, or have for restores.</summary>
    private List<string> RootsLeft() => Directory.EnumerateFiles(cloud.Data, "*root-*.json", SearchOption.AllDirectories)
        .Where(path => path.Contains("/volumes/snapshots/", StringComparison.Ordinal)).Select(path => Path.GetFileName(path)!).ToList();

    private async Task<int> LeftAsync(string list) => (await IdsAsync($"{list}?limit=1000")).Count(id => !_others.Contains(id));

    private async Task RequireWholeAsync(int round, BackedUpThing thing, bool restores)
    {
        foreach (var vault in _vaults)
        {
            var verify = await cloud.PostAsync($"/v1/vaults/{vault}/verify?wait=120", null, HttpStatusCode.OK);
            verify.GetProperty("status").GetString().ShouldBe("succeeded", $"round {round}: {verify}");
            foreach (var point in (await PointsAsync(vault, thing)).TakeLast(restores ? 1 : 0))
            {
                await RequireRestoresAsync(thing, point, $"round {round}");
            }
        }
    }

    /// <summary>Makes another one of a point, which holds what is expected, and removes it.</summary>
    private async Task RequireRestoresAsync(BackedUpThing thing, string point, string why)
    {
        var job = await cloud.PostAsync($"/v1/recovery-points/{point}/restore?wait=180", new { name = point }, HttpStatusCode.OK);
        job.GetProperty("status").GetString().ShouldBe("succeeded", $"{why}: {job}");
        var made = job.GetProperty("restored").GetString()!;
        (await thing.DigestAsync(made)).ShouldBe(_digests[point], $"{why}: what is restored of {point}");
        await thing.DeleteAsync(made);
    }

    private async Task EndAsync(BackedUpThing thing, string plan)
    {
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/backup-plans/{plan}")).Status.ShouldBe(HttpStatusCode.NoContent);
        foreach (var vault in _vaults)
        {
            foreach (var point in await PointsAsync(vault, thing))
            {
                await RequireRestoresAsync(thing, point, "the end");
                (await cloud.SendAsync(HttpMethod.Delete, $"/v1/recovery-points/{point}")).Status.ShouldBe(HttpStatusCode.NoContent);
            }
        }
    }

    /// <summary>With their last points the vaults have nothing left to hold.</summary>
    private async Task RequireEmptyAsync()
    {
        foreach (var vault in _vaults)
        {
            await UntilAsync(
                async () => (await cloud.GetAsync($"/v1/vaults/{vault}")).GetProperty("storedBytes").GetInt64() == 0, $"{vault} is empty");
        }

        await UntilAsync(() => Task.FromResult(FilesLeft().Count == 0), $"no file is left: {string.Join(' ', FilesLeft())}");
        await UntilAsync(async () => await LeftAsync("/v1/snapshots") == 0, "no snapshot is left");
        await UntilAsync(() => Task.FromResult(RootsLeft().Count == 0), $"of root disks is left {string.Join(' ', RootsLeft())}");
        foreach (var (thing, _) in _things.Values)
        {
            await thing.DeleteAsync(thing.Id);
        }

        await HostDisks.RequireWholeAsync(cloud.Data);
        foreach (var vault in _vaults)
        {
            (await cloud.SendAsync(HttpMethod.Delete, $"/v1/vaults/{vault}")).Status.ShouldBe(HttpStatusCode.Accepted);
            await UntilAsync(
                async () => (await cloud.SendAsync(HttpMethod.Get, $"/v1/vaults/{vault}")).Status == HttpStatusCode.NotFound, "it is gone");
        }
    }

    private List<string> FilesLeft() => Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories)
        .Where(path => Path.GetFileName(path) != "vault.json").ToList();

    /// <summary>The points of a thing in a vault, the oldest first.</summary>
    private Task<IReadOnlyList<string>> PointsAsync(string vault, BackedUpThing thing) =>
        IdsAsync($"/v1/recovery-points?vault={vault}&resource={thing.Id}&limit=1000");

    /// <summary>In one answer: between two a job may end and another begin.</summary>
    private async Task<bool> AnyUnderWayAsync() => (await cloud.GetAsync("/v1/backup-jobs?limit=1000")).GetProperty("items")
        .EnumerateArray().Any(job => job.GetProperty("status").GetString() is "queued" or "running");

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
}
