using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Cloud.Benchmarks;

/// <summary>
/// Databases beside a plain server of the same PostgreSQL that is made and started by hand on the same file system: a create, the load of
/// pgbench, memory at rest, a restore in place, a clone.
/// </summary>
internal sealed partial class DatabaseBenchmark : IDisposable
{
    private const string Programs = "/usr/lib/postgresql/15/bin/";

    private const string Type = "small";

    /// <summary>A type with two processors, and of memory for its buffers what PostgreSQL takes where nothing is said.</summary>
    private static readonly object AsPlain = new { type = "medium", parameters = new { shared_buffers = "128MB" } };

    private const int Creates = 5;
    private const int LoadRounds = 5;
    private const int LoadSeconds = 10;
    private const int Scale = 10;
    private const int Restores = 3;
    private const int PlainPort = 15_299;

    /// <summary>initdb asks who it is: a user that has a name.</summary>
    private const string PlainUser = "nobody";
    private const double Mebibyte = 1 << 20;
    private const string FirstProcess = "/usr/lib/cloud/server";
    private const string Shim = "cloud-shim";

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <summary>A base backup of what was written comes a moment after it.</summary>
    private const int LooksAtRest = 4;

    private readonly CloudUnderMeasure _cloud;
    private readonly string _plain;
    private readonly List<string> _made = [];

    private DatabaseBenchmark(CloudUnderMeasure cloud) => (_cloud, _plain) = (cloud, Path.Combine(cloud.Data, "bench-postgres"));

    private static string PlainUrl => PlainAt(PlainPort);

    private static string PlainAt(int port) => string.Create(CultureInfo.InvariantCulture, $"postgres://plain@127.0.0.1:{port}/postgres");

    /// <param name="cloud">Whose databases.</param>
    /// <param name="parts">Any of <c>create</c>, <c>load</c>, <c>restore</c>, <c>clone</c>; none for all.</param>
    public static async Task RunAsync(CloudUnderMeasure cloud, IReadOnlyList<string> parts)
    {
        using var benchmark = new DatabaseBenchmark(cloud);
        (string Name, Func<Task> Run)[] all =
        [
            ("create", benchmark.CreateAsync), ("load", benchmark.LoadAsync), ("restore", benchmark.RestoreAsync),
            ("clone", benchmark.CloneAsync),
        ];
        try
        {
            foreach (var (_, run) in all.Where(part => parts.Count == 0 || parts.Contains(part.Name)))
            {
                await run();
            }
        }
        finally
        {
            await benchmark.StopPlainAsync();
            foreach (var id in benchmark._made)
            {
                using var response = await cloud.Http.DeleteAsync($"/v1/databases/{id}?wait=120&finalBackup=false");
            }
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(_plain))
        {
            Directory.Delete(_plain, recursive: true);
        }
    }

    /// <summary>POST to the first query's answer, and what the server then takes of memory.</summary>
    private async Task CreateAsync()
    {
        var (ours, byHand, redis) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < Creates; round++)
        {
            await StopPlainAsync();
            ours.Add(await SecondsAsync(async () => await QueryAsync(UrlOf(await MakeAsync($"bench-{round}", new { })), "SELECT 1")));
            byHand.Add(await SecondsAsync(async () =>
            {
                await StartPlainAsync();
                await QueryAsync(PlainUrl, "SELECT 1");
            }));
            redis.Add(await SecondsAsync(async () => await PingAsync(UrlOf(await MakeAsync($"cache-{round}", new { engine = "redis" })))));
        }

        Figures.Print("PostgreSQL: POST to the first query", ours, "s");
        Figures.Print("plain: initdb to the first query", byHand, "s");
        Figures.Print("Redis: POST to the first PONG", redis, "s");
        await Task.Delay(Rest);
        var (servers, caches) = (_made.Where((_, at) => at % 2 == 0).ToList(), _made.Where((_, at) => at % 2 == 1).ToList());
        Figures.Print("PostgreSQL at rest (PSS of all its processes)", servers.Select(MemoryOf).ToList(), "MiB");
        Figures.Print("plain at rest", [MemoryIn(_plain)], "MiB");
        Figures.Print("Redis at rest", caches.Select(MemoryOf).ToList(), "MiB");
        foreach (var id in _made.ToList())
        {
            await DeleteAsync(id);
        }
    }

    /// <summary>
    /// Ours speaks TLS only, and archives its log. The plain ones are asked over TLS, which is what to compare with, and one without; they
    /// archive nothing. One lies where a server by hand would; the others on files, as volumes reach containers: what the path costs, and
    /// what ours does beside it.
    /// </summary>
    private async Task LoadAsync()
    {
        var made = await MakeAsync("bench-load", AsPlain);
        await StopPlainAsync();
        var disks = await PlainDisk.MakeAllAsync(_plain, RunAsync);
        var port = PlainPort;
        var servers = disks.Select(disk => (
            disk.Name, Folder: Path.Combine(disk.Folder, "server"),
            Log: disk.Log is { } log ? Path.Combine(log.Folder, "server") : null, Port: port++)).ToList();
        try
        {
            foreach (var server in servers)
            {
                await StartTlsServerAsync(server.Folder, server.Log, server.Port);
            }

            await MeasureLoadAsync(
                UrlOf(made), servers.Select(server => (server.Name, PlainAt(server.Port) + "?sslmode=require")).ToList());
        }
        finally
        {
            foreach (var (_, folder, _, _) in servers.Where(server => File.Exists(Path.Combine(server.Folder, "data", "postmaster.pid"))))
            {
                await StopServerAsync(folder);
            }

            foreach (var disk in disks)
            {
                await disk.DisposeAsync();
            }

            await DeleteAsync(IdOf(made));
        }
    }

    private static async Task StartTlsServerAsync(string folder, string? log, int port)
    {
        Directory.CreateDirectory(folder);
        await InitPlainAsync(folder);
        if (log is not null)
        {
            await RunAsync("mkdir", "--parents", log);
            await RunAsync("mv", Path.Combine(folder, "data", "pg_wal"), log);
            await RunAsync("ln", "--symbolic", Path.Combine(log, "pg_wal"), Path.Combine(folder, "data", "pg_wal"));
        }

        await RunPlainAsync(
            folder, "openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=plain",
            "-keyout", Path.Combine(folder, "data", "server.key"), "-out", Path.Combine(folder, "data", "server.crt"));
        await StartServerAsync(folder, " -c ssl=on", port);
    }

    private static async Task MeasureLoadAsync(string url, IReadOnlyList<(string Name, string Url)> plain)
    {
        foreach (var target in plain.Select(one => one.Url).Prepend(url))
        {
            await RunAsync(Programs + "pgbench", "--initialize", "--quiet", $"--scale={Scale}", target);
        }

        List<(string Name, string Url, List<double> Rates)> all =
        [
            ("pgbench: transactions a second (TLS, log archived)", url, []),
            .. plain.Select(one => ($"plain over TLS, on {one.Name}", one.Url, new List<double>())),
            ("plain without TLS, on the host's file system", PlainUrl + "?sslmode=disable", []),
        ];
        for (var round = 0; round < LoadRounds; round++)
        {
            foreach (var (_, target, rates) in round % 2 == 0 ? all : Enumerable.Reverse(all))
            {
                var said = await RunAsync(
                    Programs + "pgbench", "--no-vacuum", "--client=8", "--jobs=2", $"--time={LoadSeconds}", target);
                rates.Add(double.Parse(Rate().Match(said).Groups[1].Value, CultureInfo.InvariantCulture));
            }
        }

        foreach (var (name, _, rates) in all)
        {
            Figures.Print(name, rates, "");
        }

        foreach (var (name, _, rates) in all.Skip(1))
        {
            Figures.PrintRatio($"ours to {name}", Figures.Median(all[0].Rates.Zip(rates, (ours, theirs) => ours / theirs)));
        }
    }

    /// <summary>A database of 100 MB goes back in place: from the call to the first query after it.</summary>
    private async Task RestoreAsync()
    {
        var made = await MakeAsync("bench-restore", new { type = Type });
        var (id, url) = (IdOf(made), UrlOf(made));
        await FillAsync(url, mebibytes: 100);
        var seconds = new List<double>();
        for (var round = 0; round < Restores; round++)
        {
            var to = (await GetAsync($"/v1/databases/{id}/recovery-window")).GetProperty("latest").GetString();
            await QueryAsync(url, "CREATE TABLE IF NOT EXISTS after (n int)");
            seconds.Add(await SecondsAsync(async () =>
            {
                await PostAsync($"/v1/databases/{id}/restore?wait=120", new { to, inPlace = true });
                await QueryAsync(url, "SELECT count(*) FROM filled");
            }));
        }

        Figures.Print("restore in place of 100 MB to the first query", seconds, "s");
        await StopPlainAsync();
        await StartPlainAsync();
        await FillAsync(PlainUrl, mebibytes: 100);
        await StopServerAsync(_plain);
        var copy = _plain + "-copy";
        var byHand = await SecondsAsync(async () =>
        {
            await RunAsync("cp", "-a", _plain, copy);
            await RunAsync("sync", "-f", copy);
            await StartServerAsync(copy);
            await QueryAsync(PlainUrl, "SELECT count(*) FROM filled");
        });
        Figures.Print("plain: cp -a of its folder, start, first query", [byHand], "s");
        await StopServerAsync(copy);
        Directory.Delete(copy, recursive: true);
        await DeleteAsync(id);
    }

    /// <summary>A copy of 1 GiB: from the call to the first query of the copy; and what it takes of the disk.</summary>
    private async Task CloneAsync()
    {
        var made = await MakeAsync("bench-source", new { type = Type, sizeBytes = "8Gi" });
        await FillAsync(UrlOf(made), mebibytes: 1024);
        // Else the first who reads it would write all of it, on whichever of the two.
        await QueryAsync(UrlOf(made), "VACUUM filled");
        var free = await RestingAsync();
        JsonElement clone = default;
        var seconds = await SecondsAsync(async () =>
        {
            clone = await PostAsync($"/v1/databases/{IdOf(made)}/clone?wait=300", new { name = "bench-clone" });
            await QueryAsync(UrlOf(clone), "SELECT n FROM filled LIMIT 1");
        });
        _made.Add(IdOf(clone));
        Figures.Print("clone of 1 GiB, vacuumed and at rest, to its first row", [seconds], "s");
        Figures.Print($"what it takes of the disk ({FileSystem()})", [(free - await FreeAsync()) / Mebibyte], "MiB");
        var folder = Path.Combine(_cloud.Data, "databases", IdOf(made));
        if (Directory.Exists(folder))
        {
            // A process's: a container's files lie on a volume.
            var copy = Path.Combine(_cloud.Data, "bench-copy");
            var byHand = await SecondsAsync(() => RunAsync("cp", "-a", "--reflink=auto", folder, copy));
            Figures.Print("by hand: cp -a --reflink=auto of its folder", [byHand], "s");
            Directory.Delete(copy, recursive: true);
        }
    }

    private async Task<JsonElement> MakeAsync(string name, object with)
    {
        var body = new Dictionary<string, object?> { ["name"] = name };
        foreach (var property in with.GetType().GetProperties())
        {
            body[property.Name] = property.GetValue(with);
        }

        var made = await PostAsync("/v1/databases?wait=120", body);
        _made.Add(IdOf(made));
        return made.GetProperty("status").GetString() == "available" ? made : throw new InvalidOperationException(made.ToString());
    }

    private async Task<JsonElement> PostAsync(string path, object body)
    {
        using var response = await _cloud.Http.PostAsJsonAsync(path, body);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private Task<JsonElement> GetAsync(string path) => _cloud.Http.GetFromJsonAsync<JsonElement>(path);

    private async Task DeleteAsync(string id)
    {
        using var response = await _cloud.Http.DeleteAsync($"/v1/databases/{id}?wait=120&finalBackup=false");
        response.EnsureSuccessStatusCode();
        _made.Remove(id);
    }

    private async Task StartPlainAsync()
    {
        await InitPlainAsync(_plain);
        await StartServerAsync(_plain);
    }

    private static async Task InitPlainAsync(string folder) => await RunPlainAsync(
        folder, Programs + "initdb", "--pgdata=" + Path.Combine(folder, "data"), "--username=plain", "--auth=trust", "--locale=C.UTF-8",
        "--encoding=UTF8");

    private static async Task StartServerAsync(string folder, string options = "", int port = PlainPort) => await RunPlainAsync(
        folder, Programs + "pg_ctl", "start", "--wait", "--silent", "--pgdata=" + Path.Combine(folder, "data"),
        "--log=" + Path.Combine(folder, "log"), $"--options=-p {Text(port)} -k {folder} -h 127.0.0.1{options}");

    private static async Task StopServerAsync(string folder) => await RunPlainAsync(
        folder, Programs + "pg_ctl", "stop", "--wait", "--silent", "--pgdata=" + Path.Combine(folder, "data"));

    /// <summary>A program of the plain server's user.</summary>
    private static Task<string> RunPlainAsync(string folder, string program, params string[] arguments) =>
        RunAsync("bash", ["infra/unprivileged.sh", PlainUser, folder, program, .. arguments]);

    private async Task StopPlainAsync()
    {
        if (File.Exists(Path.Combine(_plain, "data", "postmaster.pid")))
        {
            await StopServerAsync(_plain);
        }

        Dispose();
    }

    private static Task FillAsync(string url, int mebibytes) => QueryAsync(
        url,
        "CREATE TABLE filled AS SELECT n, (SELECT string_agg(md5((n * 100 + k)::text), '') FROM generate_series(1, 31) k) AS t "
        + $"FROM generate_series(1, {Text(mebibytes)} * 1000) n");

    private static async Task QueryAsync(string url, string sql) =>
        await RunAsync("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", $"--command={sql}", url);

    private static async Task PingAsync(string url)
    {
        if ((await RunAsync("redis-cli", "--no-auth-warning", "--insecure", "-u", url, "PING")).Trim() != "PONG")
        {
            throw new InvalidOperationException("Redis does not answer.");
        }
    }

    /// <summary>Of the server, and of all that holds it: a container's shim, first process and storage daemon too.</summary>
    private static double MemoryOf(string id) => MemoryIn("/" + id);

    /// <summary>Of the server whose files lie in this folder, in MiB.</summary>
    private static double MemoryIn(string folder)
    {
        var parents = Processes().ToDictionary(pid => pid, ParentOf);
        var server = parents.Keys.Single(pid =>
            CommandLine(pid) is var line && line.Contains(folder + "/", StringComparison.Ordinal)
            && !line.StartsWith(FirstProcess, StringComparison.Ordinal));
        var top = Above(server).Append(server).FirstOrDefault(pid => CommandLine(pid).Contains(Shim, StringComparison.Ordinal), server);
        return parents.Keys.Where(pid => pid == top || Above(pid).Contains(top)).Sum(pid => CloudUnderMeasure.MemoryOf(pid)) / Mebibyte;

        IEnumerable<int> Above(int pid)
        {
            for (var parent = parents.GetValueOrDefault(pid); parent is { } one; parent = parents.GetValueOrDefault(one))
            {
                yield return one;
            }
        }
    }

    private static List<int> Processes() => Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
        .Where(name => char.IsAsciiDigit(name![0])).Select(name => int.Parse(name!, CultureInfo.InvariantCulture)).ToList();

    private static string CommandLine(int pid) => ReadOf(pid, "cmdline");

    private static int? ParentOf(int pid) => ReadOf(pid, "stat").Split(") ", 2) is [_, var rest]
        ? int.Parse(rest.Split(' ')[1], CultureInfo.InvariantCulture)
        : null;

    private static string ReadOf(int pid, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/{file}");
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>The free space, when what was written has been archived and no longer changes it.</summary>
    private async Task<double> RestingAsync()
    {
        var free = await FreeAsync();
        for (var same = 0; same < LooksAtRest;)
        {
            await Task.Delay(Rest);
            var before = free;
            free = await FreeAsync();
            same = Math.Abs(free - before) > Mebibyte ? 0 : same + 1;
        }

        return free;
    }

    private async Task<double> FreeAsync()
    {
        await RunAsync("sync", "-f", _cloud.Data);
        return new DriveInfo(_cloud.Data).AvailableFreeSpace;
    }

    private string FileSystem() => new DriveInfo(_cloud.Data).DriveFormat;

    private static async Task<double> SecondsAsync(Func<Task> work)
    {
        var watch = Stopwatch.StartNew();
        await work();
        return watch.Elapsed.TotalSeconds;
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} failed: {await errors}");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string IdOf(JsonElement database) => database.GetProperty("id").GetString()!;

    private static string UrlOf(JsonElement database) => database.GetProperty("connectionString").GetString()!;

    [GeneratedRegex(@"tps = ([\d.]+)")]
    private static partial Regex Rate();
}
