using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// A whole cloud of its own, started and stopped as its users do: by <c>up.sh</c> and <c>down.sh</c>, with folders and ports of its own.
/// </summary>
/// <param name="profile"><c>local</c> or <c>distributed</c>.</param>
public abstract class CloudUnderTest(string profile) : IAsyncLifetime
{
    private static readonly TimeSpan BuildLimit = TimeSpan.FromMinutes(20);
    private static readonly TimeSpan UpLimit = TimeSpan.FromMinutes(10);

    private readonly string _data = Directory.CreateTempSubdirectory("cloud-test-").FullName;
    private readonly int _httpPort = FreePort();
    private readonly int _s3Port = FreePort();

    public HttpClient Http { get; } = new() { Timeout = TimeSpan.FromMinutes(6) };

    public string Data => _data;

    /// <summary>Where S3 clients go.</summary>
    public Uri S3Url => new($"http://127.0.0.1:{_s3Port}");

    /// <summary>Calls a unit of a distributed cloud as another of its processes does.</summary>
    public HttpClient CreateClientOf(string unit)
    {
        var port = File.ReadAllLines(Path.Combine(_data, "run", "ports.env"))
            .Single(line => line.StartsWith($"{unit}=", StringComparison.Ordinal)).Split('=')[1];
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        client.DefaultRequestHeaders.TryAddWithoutValidation(
            "Authorization", $"Service {File.ReadAllText(Path.Combine(_data, "secrets", "service.key")).Trim()}");
        return client;
    }

    /// <summary>What <c>credentials.env</c> exports, by name.</summary>
    public IReadOnlyDictionary<string, string> Credentials => File.ReadAllLines(Path.Combine(_data, "credentials.env"))
        .Select(line => line["export ".Length..].Split('=', 2)).ToDictionary(parts => parts[0], parts => parts[1].Trim('\'', '"'));

    public string Token { get; private set; } = "";

    protected static string Root { get; } = FindRoot();

    public virtual async ValueTask InitializeAsync() => await UpAsync();

    public async Task UpAsync(params string[] arguments)
    {
        await RunAsync("infra/up.sh", ["--detach", "--profile", profile, .. arguments]);
        Token = (await File.ReadAllLinesAsync(Path.Combine(_data, "credentials.env")))
            .Single(line => line.StartsWith("export CLOUD_TOKEN=", StringComparison.Ordinal)).Split('=', 2)[1].Trim('\'', '"');
        Http.BaseAddress ??= new Uri($"http://127.0.0.1:{_httpPort}");
        Http.DefaultRequestHeaders.Authorization = new("Bearer", Token);
    }

    public Task DownAsync(params string[] arguments) => RunAsync("infra/down.sh", arguments);

    /// <summary>The processes of the cloud, by unit: not its guests, nor the switch.</summary>
    public IReadOnlyDictionary<string, int> Units => Directory.EnumerateFiles(Path.Combine(_data, "run"), "*.pid")
        .ToDictionary(path => Path.GetFileNameWithoutExtension(path), path => int.Parse(
            File.ReadAllText(path).Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>A unit's process, ended as a power cut would; the supervisor starts it again.</summary>
    public async Task KillAsync(string unit)
    {
        using var process = Process.GetProcessById(Units[unit]);
        process.Kill();
        await process.WaitForExitAsync();
    }

    public async Task<JsonElement> PostAsync(string path, object? body = null, HttpStatusCode expected = HttpStatusCode.Created)
    {
        using var response = await Http.PostAsJsonAsync(path, body ?? new { });
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(expected, text);
        return JsonDocument.Parse(text).RootElement;
    }

    public async Task<JsonElement> GetAsync(string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await Http.GetAsync(path);
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(expected, text);
        return JsonDocument.Parse(text).RootElement;
    }

    /// <summary>Any call; the answer's status and JSON, or null for an empty body.</summary>
    public async Task<(HttpStatusCode Status, JsonElement? Body)> SendAsync(
        HttpMethod method, string path, object? body = null, string? token = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = JsonContent.Create(body);
        }

        if (token is not null)
        {
            request.Headers.Authorization = new("Bearer", token);
        }

        using var response = await Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? null : JsonDocument.Parse(text).RootElement);
    }

    /// <summary>Makes a <c>tiny</c> instance and waits until it has booted.</summary>
    public async Task<JsonElement> CreateInstanceAsync(string name, string? userData = null, object? with = null)
    {
        var body = new Dictionary<string, object?> { ["name"] = name, ["image"] = "tiny", ["type"] = "nano", ["userData"] = userData };
        foreach (var property in with?.GetType().GetProperties() ?? [])
        {
            body[property.Name] = property.GetValue(with);
        }

        return await PostAsync("/v1/instances?wait=180", body);
    }

    /// <summary>Waits until one of the cloud's own images is built: tests/run.sh has that done beside the tests.</summary>
    public async Task ImageIsBuiltAsync(string name)
    {
        using var limit = new CancellationTokenSource(BuildLimit);
        while ((await GetAsync($"/v1/images/{name}")).GetProperty("status").GetString() != "active")
        {
            await Task.Delay(TimeSpan.FromSeconds(1), limit.Token);
        }
    }

    /// <summary>Runs a shell command in a guest; its output, and its exit code where that is not 0.</summary>
    public async Task<string> ShellAsync(string instance, string script)
    {
        var answer = await PostAsync(
            $"/v1/instances/{instance}/exec", new { command = new[] { "/bin/sh", "-c", script } }, HttpStatusCode.OK);
        var code = answer.GetProperty("exitCode").GetInt32();
        var output = answer.GetProperty("stdout").GetString()! + answer.GetProperty("stderr").GetString();
        return code == 0 ? output : $"{output}[exit {code}]";
    }

    /// <summary>Deletes an instance and sees that nothing of it is left on the host.</summary>
    public async Task DeleteInstanceAsync(string id)
    {
        using var response = await Http.DeleteAsync($"/v1/instances/{id}?wait=60");
        response.StatusCode.ShouldBe(HttpStatusCode.NoContent, await response.Content.ReadAsStringAsync());
        Directory.Exists(Path.Combine(Data, "host", "guests", id)).ShouldBeFalse();
    }

    /// <summary>Deletes a volume that nothing has, once its files, and all others of the hosts, were seen to be whole.</summary>
    public async Task DeleteVolumeAsync(string id)
    {
        await HostDisks.RequireWholeAsync(Data);
        (await SendAsync(HttpMethod.Delete, $"/v1/volumes/{id}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent, id);
    }

    public virtual async ValueTask DisposeAsync()
    {
        await DownAsync();
        GC.SuppressFinalize(this);
        Http.Dispose();
        Directory.Delete(_data, recursive: true);
    }

    /// <summary>How one of the scripts of <c>infra/</c> is run.</summary>
    protected virtual IReadOnlyList<string> CommandOf(string script) => [Path.Combine(Root, script)];

    private async Task RunAsync(string script, params string[] arguments)
    {
        var command = CommandOf(script);
        using var process = Process.Start(new ProcessStartInfo(command[0], command.Skip(1).Concat(arguments))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,

            // Where the tests lie others may not be let in.
            WorkingDirectory = _data,
            Environment =
            {
                ["CLOUD_DATA"] = _data,
                ["CLOUD_HTTP_PORT"] = $"{_httpPort}",
                ["CLOUD_S3_PORT"] = $"{_s3Port}",

                // tests/run.sh has built the others; builds in the background would take the processors from what is tested.
                ["CLOUD_IMAGES"] = "first",

                // A vault may lie in the cloud's own S3; and what waits for a night or half a minute else is seen within a test.
                ["Cloud__Outbound__Allow__0"] = $"127.0.0.1:{_s3Port}",
                ["Cloud__Backup__PruneEvery"] = "00:00:00",
                ["Cloud__Backup__RetryAfter"] = "00:00:01",
            },
        })!;
        using var limit = new CancellationTokenSource(UpLimit);
        var said = process.StandardOutput.ReadToEndAsync(limit.Token);
        var complained = process.StandardError.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        process.ExitCode.ShouldBe(0, $"{script} said: {await said}{await complained}");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Cloud.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not lie in a checkout.");
        }

        return folder;
    }
}
