using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Cloud.Benchmarks;

/// <summary>The running cloud that is measured: its API, and its processes as the kernel accounts for them.</summary>
internal sealed class CloudUnderMeasure : IDisposable
{
    /// <summary>What the kernel's process accounting counts in (USER_HZ).</summary>
    private const double TicksPerSecond = 100;

    private CloudUnderMeasure(Uri url, string token, string data)
    {
        Url = url;
        Token = token;
        Data = data;
        Http = new HttpClient { BaseAddress = url, Timeout = TimeSpan.FromMinutes(6) };
        Http.DefaultRequestHeaders.Authorization = new("Bearer", token);
    }

    public Uri Url { get; }

    public string Token { get; }

    public string Data { get; }

    /// <summary>The path of a file in an instance's folder, on whichever host of this machine it is.</summary>
    public string FileOf(string instance, string name) => Directory.EnumerateDirectories(Data, "host*")
        .Select(host => Path.Combine(host, "guests", instance, name)).First(File.Exists);

    public HttpClient Http { get; }

    public static CloudUnderMeasure FromEnvironment() =>
        new(new Uri(Variable("CLOUD_URL")), Variable("CLOUD_TOKEN"), Variable("CLOUD_DATA"));

    /// <summary>The cloud's own processes by unit, without the supervisor.</summary>
    public IReadOnlyDictionary<string, int> Units => Directory.EnumerateFiles(Path.Combine(Data, "run"), "*.pid")
        .Where(path => Path.GetFileNameWithoutExtension(path) != "supervisor")
        .ToDictionary(
            path => Path.GetFileNameWithoutExtension(path),
            path => int.Parse(File.ReadAllText(path).Split(' ')[0], CultureInfo.InvariantCulture));

    /// <summary>CPU seconds, user and system, that a process has used.</summary>
    public static double CpuSecondsOf(int pid)
    {
        var fields = File.ReadAllText($"/proc/{pid}/stat").Split(") ", 2)[1].Split(' ');
        var ticks = fields[11..13].Sum(field => double.Parse(field, CultureInfo.InvariantCulture));
        return ticks / TicksPerSecond;
    }

    /// <summary>Memory that is the process's own share, in bytes (PSS).</summary>
    public static long MemoryOf(int pid)
    {
        var line = File.ReadLines($"/proc/{pid}/smaps_rollup").First(text => text.StartsWith("Pss:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }

    public async Task<JsonElement> CreateInstanceAsync(string name, string? userData = null, IReadOnlyList<string>? volumes = null)
    {
        using var response = await Http.PostAsJsonAsync(
            "/v1/instances?wait=300", new { name, image = "tiny", type = "nano", userData, volumes = volumes ?? [] });
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    public async Task DeleteInstanceAsync(string id)
    {
        using var response = await Http.DeleteAsync($"/v1/instances/{id}?wait=60");
        response.EnsureSuccessStatusCode();
    }

    /// <summary>wrk's own summary of a run against a URL.</summary>
    public static async Task<string> WrkAsync(string url, string token, int connections, int seconds)
    {
        using var wrk = Process.Start(new ProcessStartInfo("wrk",
            ["-t1", $"-c{connections}", $"-d{seconds}s", "--latency", "-H", $"Authorization: Bearer {token}", url])
        {
            RedirectStandardOutput = true,
        })!;
        var said = await wrk.StandardOutput.ReadToEndAsync();
        await wrk.WaitForExitAsync();
        return wrk.ExitCode == 0 ? said : throw new InvalidOperationException($"wrk failed: {said}");
    }

    public void Dispose() => Http.Dispose();

    private static string Variable(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException($"{name} is not set: source credentials.env first.");
}
