using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>Chaos on the cloud in one process.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LocalChaosTests(LocalCloud cloud, ITestOutputHelper output) : ChaosTests(cloud, output);

/// <summary>Chaos on the cloud of many: each service, the agent, PostgreSQL, RabbitMQ.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedChaosTests(DistributedCloud cloud, ITestOutputHelper output) : ChaosTests(cloud, output);

/// <summary>
/// Kills a process of the cloud at a random moment while instances are made, stopped, started and deleted; then everything must settle
/// within a minute: no guest without a row, no row without its truth, nothing left behind, and a guest that nobody touched never restarts.
/// <c>CLOUD_TEST_ROUNDS</c> says how many rounds, <c>CLOUD_TEST_SEED</c> replays one.
/// </summary>
public abstract class ChaosTests(CloudUnderTest cloud, ITestOutputHelper output)
{
    private const int RoundsDefault = 1;
    private const int OperationsPerRound = 4;
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(60);
    private static readonly string[] Settled = ["running", "stopped", "paused", "failed"];

    [Fact]
    public async Task KillsAtRandomMoments_LoseNothing_AndLeaveNothing()
    {
        var seed = ReadNumber("CLOUD_TEST_SEED") ?? Environment.TickCount;
        var rounds = ReadNumber("CLOUD_TEST_ROUNDS") ?? RoundsDefault;
        output.WriteLine($"CLOUD_TEST_SEED={seed} CLOUD_TEST_ROUNDS={rounds}");
        var chance = new Random(seed);
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

        await UntilNothingIsWrongAsync(rounds, Leftovers);
    }

    private async Task RunAsync(int round, Random chance, string witness)
    {
        var known = (await ListAsync()).Where(instance => instance.GetProperty("id").GetString() != witness).ToList();
        var operations = new List<Task>();
        for (var at = 0; at < OperationsPerRound; at++)
        {
            var (name, verb) = ($"c{round}-{at}", chance.Next(4));
            var target = known.Count > at ? known[at] : (JsonElement?)null;
            var delay = TimeSpan.FromMilliseconds(chance.Next(1500));
            operations.Add(OperateAsync(name, target, verb, delay));
        }

        var units = cloud.Units.Where(unit => unit.Key != "supervisor").OrderBy(unit => unit.Key, StringComparer.Ordinal).ToList();
        var unit = units[chance.Next(units.Count)].Key;
        var moment = TimeSpan.FromMilliseconds(chance.Next(4000));
        await Task.Delay(moment);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round}: kill -9 {unit} after {moment.TotalSeconds:F2} s"));
        await cloud.KillAsync(unit);
        await Task.WhenAll(operations);
        await UntilNothingIsWrongAsync(round, FindWrongAsync);
    }

    /// <summary>One request; whether it is answered does not matter, only what the cloud makes of it.</summary>
    private async Task OperateAsync(string name, JsonElement? target, int verb, TimeSpan delay)
    {
        await Task.Delay(delay);
        try
        {
            var id = target?.GetProperty("id").GetString();
            _ = (id, verb) switch
            {
                (null, _) => await cloud.SendAsync(
                    HttpMethod.Post, "/v1/instances", new { name, image = "tiny", type = "nano", ports = new[] { new { guest = 22 } } }),
                (_, 0) => await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/stop"),
                (_, 1) => await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/start"),
                (_, 2) => await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/reboot"),
                _ => await cloud.SendAsync(HttpMethod.Delete, $"/v1/instances/{id}"),
            };
        }
        catch (Exception lost) when (lost is HttpRequestException or JsonException or IOException)
        {
            // The process that was to answer is the one that was killed.
        }
    }

    /// <summary>What is not as it should be, in words; empty when all is well.</summary>
    private async Task<IReadOnlyList<string>> FindWrongAsync()
    {
        if (!await IsReadyAsync())
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
        ]);

    private static async Task UntilNothingIsWrongAsync(int round, Func<Task<IReadOnlyList<string>>> find)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            IReadOnlyList<string> wrong;
            try
            {
                wrong = await find();
            }
            catch (Exception away) when (away is HttpRequestException or JsonException or ShouldAssertException)
            {
                wrong = [$"the cloud does not answer: {away.Message}"];
            }

            if (wrong.Count == 0)
            {
                return;
            }

            if (TimeProvider.System.GetElapsedTime(since) > SettleLimit)
            {
                Assert.Fail($"round {round}: not settled after {SettleLimit.TotalSeconds} s:\n{string.Join('\n', wrong)}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(500));
        }
    }

    private async Task<bool> IsReadyAsync()
    {
        using var response = await cloud.Http.GetAsync("/health/ready");
        return response.StatusCode == HttpStatusCode.OK;
    }

    private async Task<IReadOnlyList<JsonElement>> ListAsync() =>
        (await cloud.GetAsync("/v1/instances?limit=1000")).GetProperty("items").EnumerateArray().ToList();

    private List<string> GuestFolders() =>
        Directory.EnumerateDirectories(Path.Combine(cloud.Data, "host", "guests")).Select(path => Path.GetFileName(path)).ToList();

    private static int? ReadNumber(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
