using System.Globalization;
using System.Net;
using System.Text.Json;
using Npgsql;

namespace Cloud.EndToEnd.Tests;

/// <summary>Chaos among databases on the cloud in one process.</summary>
[Collection(OnSecondLocalCloud.Name)]
public sealed class LocalDatabaseChaosTests(LocalCloud cloud, ITestOutputHelper output) : DatabaseChaosTests(cloud, output);

/// <summary>Chaos among databases on the cloud of many.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedDatabaseChaosTests(DistributedCloud cloud, ITestOutputHelper output) : DatabaseChaosTests(cloud, output);

/// <summary>
/// Kills a process of the cloud at a random moment while databases are made, stopped, started, restarted, restored, cloned and deleted;
/// then everything must settle within a minute: no server without a row, no row without its truth, nothing left behind, every row that was
/// acknowledged is there, and a connection that nobody touched goes on.
/// </summary>
public abstract class DatabaseChaosTests(CloudUnderTest cloud, ITestOutputHelper output)
{
    private const int OperationsPerRound = 3;
    private static readonly string[] Settled = ["available", "stopped"];

    private readonly Dictionary<string, string> _secrets = [];

    private string Folder => Path.Combine(cloud.Data, "databases");

    [Fact]
    public async Task KillsAtRandomMoments_LoseNothing_AndLeaveNothing()
    {
        var (chance, rounds) = Chaos.Begin(output);
        await cloud.ImageIsBuiltAsync("postgresql-15-container");
        await cloud.ImageIsBuiltAsync("redis-7-container");
        var witness = await cloud.PostAsync("/v1/databases?wait=120", new { name = "witness", type = "nano" });
        await using var connection = await ConnectAsync(witness.GetProperty("connectionString").GetString()!);
        await SqlAsync(connection, "CREATE TABLE seen (round int)");
        for (var round = 1; round <= rounds; round++)
        {
            await RunAsync(round, chance, witness.GetProperty("id").GetString()!);
            await SqlAsync(connection, string.Create(CultureInfo.InvariantCulture, $"INSERT INTO seen VALUES ({round})"));
        }

        await using (var count = new NpgsqlCommand("SELECT count(*) FROM seen", connection))
        {
            (await count.ExecuteScalarAsync()).ShouldBe((long)rounds);
        }

        await connection.CloseAsync();
        foreach (var database in await ListAsync())
        {
            (await cloud.SendAsync(HttpMethod.Delete, $"/v1/databases/{IdOf(database)}?wait=120&finalBackup=false")).Status
                .ShouldBe(HttpStatusCode.NoContent);
        }

        await Chaos.UntilNothingIsWrongAsync(rounds, () => Task.FromResult<IReadOnlyList<string>>(
            [.. Folders(), .. Servers().SelectMany(one => one), .. ServerProcesses.In(cloud.Data).SelectMany(one => one)]));
    }

    private async Task RunAsync(int round, Random chance, string witness)
    {
        var known = (await ListAsync()).Where(database => IdOf(database) != witness).ToList();
        var operations = new List<Task>();
        for (var at = 0; at < OperationsPerRound; at++)
        {
            var (name, verb) = ($"c{round}-{at}", chance.Next(7));
            var engine = chance.Next(3) == 0 ? "redis" : "postgres";
            var target = known.Count > at ? known[at] : (JsonElement?)null;
            operations.Add(OperateAsync(name, engine, target, verb, TimeSpan.FromMilliseconds(chance.Next(1500))));
        }

        await Chaos.KillAsync(cloud, round, chance, output);
        await Task.WhenAll(operations);
        await Chaos.UntilNothingIsWrongAsync(round, FindWrongAsync);
    }

    /// <summary>One request; whether it is answered does not matter, only what the cloud makes of it.</summary>
    private async Task OperateAsync(string name, string engine, JsonElement? target, int verb, TimeSpan delay)
    {
        await Task.Delay(delay);
        var path = target is { } database ? $"/v1/databases/{IdOf(database)}" : "/v1/databases";
        try
        {
            var (status, answer) = (target, verb) switch
            {
                (null, _) => await cloud.SendAsync(HttpMethod.Post, path, new { name, engine, type = "nano" }),
                (_, 0) => await cloud.SendAsync(HttpMethod.Post, $"{path}/stop"),
                (_, 1) => await cloud.SendAsync(HttpMethod.Post, $"{path}/start"),
                (_, 2) => await cloud.SendAsync(HttpMethod.Post, $"{path}/restart"),
                (_, 3) => await cloud.SendAsync(HttpMethod.Post, $"{path}/clone", new { name }),
                (_, 4 or 5) => await cloud.SendAsync(
                    HttpMethod.Post, $"{path}/restore",
                    new { to = (await cloud.GetAsync($"{path}/recovery-window")).GetProperty("latest").GetString(), inPlace = true }),
                _ => await cloud.SendAsync(HttpMethod.Delete, $"{path}?finalBackup=false"),
            };
            output.WriteLine($"  {name}: {verb} of {target?.GetProperty("name")} ({engine}) was answered {status}");
            if (status == HttpStatusCode.Created && answer!.Value.GetProperty("engine").GetString() == "postgres")
            {
                _secrets[IdOf(answer.Value)] = answer.Value.GetProperty("connectionString").GetString()!;
            }
        }
        catch (Exception lost) when (lost is HttpRequestException or JsonException or IOException or ShouldAssertException)
        {
            // The process that was to answer is the one that was killed, or what is to be restored cannot be yet.
            output.WriteLine($"  {name}: {verb} of {target?.GetProperty("name")} ({engine}) was not answered: {lost.GetType().Name}");
        }
    }

    /// <summary>What is not as it should be, in words; empty when all is well.</summary>
    private async Task<IReadOnlyList<string>> FindWrongAsync()
    {
        if (!await Chaos.IsReadyAsync(cloud))
        {
            return ["the cloud is not ready"];
        }

        var wrong = new List<string>();
        var databases = (await ListAsync()).ToDictionary(IdOf);
        var (servers, contained) = (Servers(), ServerProcesses.In(cloud.Data));
        foreach (var (id, database) in databases)
        {
            var status = database.GetProperty("status").GetString()!;
            var inContainer = database.GetProperty("placement").GetString() == "container";
            var processes = (inContainer ? contained : servers)[id].Count();
            var generations = Directory.Exists(Path.Combine(Folder, id))
                ? Directory.EnumerateFileSystemEntries(Path.Combine(Folder, id)).Select(Path.GetFileName).ToList()
                : [];
            if (!Settled.Contains(status))
            {
                wrong.Add($"{id} is {status}: {database.GetProperty("statusReason")}");
            }
            else if (processes != (status == "available" ? 1 : 0))
            {
                wrong.Add($"{id} is {status} and has {processes} processes");
            }
            else if (!inContainer && generations.Count != (database.GetProperty("canUndoRestore").GetBoolean() ? 2 : 1))
            {
                wrong.Add($"{id} has the folders {string.Join(' ', generations)}");
            }
            else if (status == "available")
            {
                wrong.AddRange(await FindSilentAsync(id));
            }
        }

        wrong.AddRange(Folders().Where(folder => !databases.ContainsKey(folder)).Select(folder => $"folder of {folder} has no database"));
        wrong.AddRange(servers.Concat(contained).Where(one => !databases.ContainsKey(one.Key))
            .Select(one => $"server of {one.Key} has no database"));
        return wrong;
    }

    /// <summary>A database that is available takes a query, and can be gone back with.</summary>
    private async Task<IReadOnlyList<string>> FindSilentAsync(string id)
    {
        var (status, _) = await cloud.SendAsync(HttpMethod.Get, $"/v1/databases/{id}/recovery-window");
        if (status != HttpStatusCode.OK)
        {
            return [$"the recovery window of {id} answers {status}"];
        }

        if (!_secrets.TryGetValue(id, out var secret))
        {
            return [];
        }

        try
        {
            await using var connection = await ConnectAsync(secret);
            await SqlAsync(connection, "SELECT 1");
            return [];
        }
        catch (NpgsqlException away)
        {
            return [$"{id} is available and takes no query: {away.Message}"];
        }
    }

    /// <summary>The command lines of servers, by the database in whose folder they run.</summary>
    private ILookup<string, string> Servers() => Directory.EnumerateDirectories("/proc").Select(CommandLine)
        .Where(line => line.Contains(Folder + "/db-", StringComparison.Ordinal))
        .ToLookup(line => line.Split(Folder + "/", 2)[1].Split('/')[0], line => line.Replace('\0', ' '));

    private static string CommandLine(string process)
    {
        try
        {
            return char.IsAsciiDigit(Path.GetFileName(process)[0]) ? File.ReadAllText(Path.Combine(process, "cmdline")) : "";
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private List<string> Folders() => Directory.Exists(Folder)
        ? Directory.EnumerateDirectories(Folder, "db-*").Select(path => Path.GetFileName(path)).ToList()
        : [];

    private async Task<IReadOnlyList<JsonElement>> ListAsync() =>
        (await cloud.GetAsync("/v1/databases?limit=1000")).GetProperty("items").EnumerateArray().ToList();

    private static string IdOf(JsonElement database) => database.GetProperty("id").GetString()!;

    private static async Task<NpgsqlConnection> ConnectAsync(string url)
    {
        var uri = new Uri(url);
        var user = uri.UserInfo.Split(':');
        var connection = new NpgsqlConnection(
            $"Host={uri.Host};Port={uri.Port};Username={user[0]};Password={user[1]};Database={uri.AbsolutePath[1..]};SSL Mode=Require;"
            + "Pooling=false;Timeout=15");
        await connection.OpenAsync();
        return connection;
    }

    private static async Task SqlAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
