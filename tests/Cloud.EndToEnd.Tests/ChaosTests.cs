using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>Chaos on the cloud in one process.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LocalChaosTests(LocalCloud cloud, ITestOutputHelper output) : ChaosTests(cloud, output);

/// <summary>Chaos on the cloud of many: each service, the agent, PostgreSQL, RabbitMQ.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedChaosTests(DistributedCloud cloud, ITestOutputHelper output) : ChaosTests(cloud, output);

/// <summary>
/// Kills a process of the cloud at a random moment while instances and containers are made, and all is done to them that can be; then
/// everything must settle within a minute: no guest without a row, no row without its truth, nothing left behind, and a guest that nobody
/// touched never restarts.
/// <c>CLOUD_TEST_ROUNDS</c> says how many rounds, <c>CLOUD_TEST_SEED</c> replays one.
/// </summary>
public abstract class ChaosTests(CloudUnderTest cloud, ITestOutputHelper output)
{
    private const int OperationsPerRound = 4;
    private const int InstancesMax = 8;
    private static readonly string[] Settled = ["running", "stopped", "paused", "suspended", "failed"];

    private static readonly string[] Verbs =
        ["stop", "start", "reboot", "pause", "resume", "suspend", "snapshot", "restore", "fork", "delete"];

    [Fact]
    public async Task KillsAtRandomMoments_LoseNothing_AndLeaveNothing()
    {
        var (chance, rounds) = Chaos.Begin(output);
        var witness = (await cloud.CreateInstanceAsync("witness")).GetProperty("id").GetString()!;
        var boot = await cloud.ShellAsync(witness, "cat /proc/sys/kernel/random/boot_id");
        for (var round = 1; round <= rounds; round++)
        {
            await RunAsync(round, chance, witness);
            (await cloud.ShellAsync(witness, "cat /proc/sys/kernel/random/boot_id"))
                .ShouldBe(boot, $"round {round}: the witness was restarted");
        }

        foreach (var instance in await ListAsync())
        {
            await cloud.DeleteInstanceAsync(instance.GetProperty("id").GetString()!);
        }

        await Chaos.UntilNothingIsWrongAsync(rounds, Leftovers);
    }

    private async Task RunAsync(int round, Random chance, string witness)
    {
        var known = (await ListAsync()).Where(instance => instance.GetProperty("id").GetString() != witness).ToList();
        var operations = new List<Task>();
        for (var at = 0; at < OperationsPerRound; at++)
        {
            var name = $"c{round}-{at}";
            var verb = known.Count < InstancesMax ? Verbs[chance.Next(Verbs.Length)] : "delete";
            var target = known.Count > at ? known[at] : (JsonElement?)null;
            var delay = TimeSpan.FromMilliseconds(chance.Next(1500));
            operations.Add(OperateAsync(name, target, verb, delay));
        }

        await Chaos.KillAsync(cloud, round, chance, output);
        await Task.WhenAll(operations);
        await Chaos.UntilNothingIsWrongAsync(round, FindWrongAsync);
    }

    /// <summary>One request; whether it is answered does not matter, only what the cloud makes of it.</summary>
    private async Task OperateAsync(string name, JsonElement? target, string verb, TimeSpan delay)
    {
        await Task.Delay(delay);
        try
        {
            var id = target?.GetProperty("id").GetString();
            _ = (id, verb) switch
            {
                (null, "stop" or "reboot" or "suspend" or "restore") => await cloud.SendAsync(
                    HttpMethod.Post, "/v1/instances", new { name, image = "tiny-container", type = "nano" }),
                (null, _) => await cloud.SendAsync(
                    HttpMethod.Post, "/v1/instances", new { name, image = "tiny", type = "nano", ports = new[] { new { guest = 22 } } }),
                (_, "delete") => await cloud.SendAsync(HttpMethod.Delete, $"/v1/instances/{id}"),
                (_, "restore") => await RestoreAsync(id),
                (_, "snapshot") => await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/snapshot", new { name }),
                (_, "fork") => await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/fork", new { count = 2 }),
                _ => await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/{verb}"),
            };
        }
        catch (Exception lost) when (lost is HttpRequestException or SocketException or JsonException or IOException)
        {
            // The process that was to answer is the one that was killed.
        }
    }

    private async Task<(HttpStatusCode, JsonElement?)> RestoreAsync(string id)
    {
        var kept = (await ListAsync("instance-snapshots")).FirstOrDefault(snapshot => snapshot.GetProperty("instance").GetString() == id);
        return kept.ValueKind == JsonValueKind.Undefined
            ? default
            : await cloud.SendAsync(HttpMethod.Post, $"/v1/instance-snapshots/{kept.GetProperty("id").GetString()}/restore");
    }

    /// <summary>What is not as it should be, in words; empty when all is well.</summary>
    private async Task<IReadOnlyList<string>> FindWrongAsync()
    {
        if (!await Chaos.IsReadyAsync(cloud))
        {
            return ["the cloud is not ready"];
        }

        var wrong = new List<string>();
        var instances = await ListAsync();
        var ids = instances.Select(instance => instance.GetProperty("id").GetString()!).ToHashSet();
        foreach (var instance in instances)
        {
            var id = instance.GetProperty("id").GetString()!;
            var status = instance.GetProperty("status").GetString()!;
            var processes = GuestProcesses.Of(cloud.Data, id).Count;
            if (!Settled.Contains(status) || (status == "running" && !instance.GetProperty("ready").GetBoolean()))
            {
                wrong.Add($"{id} is {status}, ready {instance.GetProperty("ready").GetBoolean()}: {instance.GetProperty("statusReason")}");
            }
            else if (processes != (status is "running" or "paused" ? 1 : 0))
            {
                wrong.Add($"{id} is {status} and has {processes} processes");
            }
            else if (status == "failed")
            {
                wrong.Add($"{id} failed: {instance.GetProperty("statusReason")}");
            }
        }

        wrong.AddRange((await ListAsync("instance-snapshots"))
            .Where(snapshot => snapshot.GetProperty("status").GetString() is not ("available" or "failed"))
            .Select(snapshot => $"snapshot {snapshot.GetProperty("id")} is {snapshot.GetProperty("status")}"));
        wrong.AddRange(GuestFolders().Where(folder => !ids.Contains(folder)).Select(folder => $"folder of {folder} has no instance"));
        wrong.AddRange(ids.Where(id => !GuestFolders().Contains(id)).Select(id => $"{id} has no folder"));
        var guests = GuestProcesses.All(cloud.Data).Count;
        var running = instances.Count(instance => instance.GetProperty("status").GetString() is "running" or "paused");
        if (wrong.Count == 0 && guests != running)
        {
            wrong.Add($"{guests} guest processes and {running} running instances");
        }

        return wrong;
    }

    /// <summary>What is left when no instance is.</summary>
    private Task<IReadOnlyList<string>> Leftovers() => Task.FromResult<IReadOnlyList<string>>(
        [
            .. GuestFolders().Select(folder => $"folder {folder}"),
            .. GuestProcesses.All(cloud.Data).Select(process => $"process {process.Id}"),
            .. Directory.EnumerateFiles(Path.Combine(cloud.Data, "host", "snapshots", "layers")).Select(file => $"file {file}"),
        ]);

    private async Task<IReadOnlyList<JsonElement>> ListAsync(string what = "instances") =>
        (await cloud.GetAsync($"/v1/{what}?limit=1000")).GetProperty("items").EnumerateArray().ToList();

    private List<string> GuestFolders() =>
        Directory.EnumerateDirectories(Path.Combine(cloud.Data, "host", "guests")).Select(path => Path.GetFileName(path)).ToList();
}
