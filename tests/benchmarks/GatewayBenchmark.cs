using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Yarp.ReverseProxy.Configuration;

namespace Cloud.Benchmarks;

/// <summary>
/// The gateway of the profile <c>distributed</c> beside a bare YARP with one route, in turns, before the same backend in another process
/// that answers at once: the proxy's own CPU a request. The gateway is a second one of the running cloud, told that the backend is its
/// compute service.
/// </summary>
internal static partial class GatewayBenchmark
{
    private const int Connections = 32;
    private const int Seconds = 5;
    private const int Rounds = 5;

    /// <summary>Until the compiler has done its work: it costs the first hundred thousand calls more than they do.</summary>
    private const int WarmUpRounds = 6;

    public static async Task RunAsync(CloudUnderMeasure cloud)
    {
        if (!cloud.Units.TryGetValue("gateway", out var gateway))
        {
            throw new InvalidOperationException("This benchmark is for the profile distributed: up.sh --profile distributed.");
        }

        var answer = await cloud.Http.GetStringAsync("/v1/engines");
        string[] arguments = [Environment.GetCommandLineArgs()[0], "backend", answer];
        using var backend = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, arguments) { RedirectStandardOutput = true })!;
        var backendAt = (await backend.StandardOutput.ReadLineAsync())!;
        await using var proxy = await StartProxyAsync(new Uri(backendAt));
        var (ourGateway, ourAddress) = await StartGatewayAsync(cloud, gateway, backendAt);
        var (ours, bare) = (new List<double>(), new List<double>());
        for (var round = 0; round < WarmUpRounds + Rounds; round++)
        {
            var bareCost = await MeasureAsync(new Uri(AddressOf(proxy), "/v1/engines"), cloud.Token, Environment.ProcessId);
            var ourCost = await MeasureAsync(new Uri(ourAddress, "/v1/engines"), cloud.Token, ourGateway.Id);
            if (round >= WarmUpRounds)
            {
                ours.Add(ourCost);
                bare.Add(bareCost);
            }
        }

        backend.Kill();
        ourGateway.Kill();
        Figures.Print("the gateway, CPU a request", ours, "µs");
        Figures.Print("a bare YARP, CPU a request", bare, "µs");
        Figures.PrintRatio("gateway / bare YARP", Figures.Median(ours.Zip(bare, (a, b) => a / b)));
    }

    /// <summary>The bare YARP's backend, in a process of its own: one answer to everything, and its address on the first line.</summary>
    public static async Task ServeBackendAsync(string answer)
    {
        await using var app = await StartAsync(app => app.MapGet("/v1/engines", () => Results.Text(answer, "application/json")));
        Console.WriteLine(AddressOf(app));
        await app.WaitForShutdownAsync();
    }

    /// <summary>A second gateway of the cloud: with the settings of the first, but for its port and its compute service.</summary>
    private static async Task<(Process Gateway, Uri Address)> StartGatewayAsync(CloudUnderMeasure cloud, int running, string backend)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        socket.Close();
        var program = Path.Combine(cloud.Data, "programs", "current", "Cloud.Gateway", "Cloud.Gateway.dll");
        var info = new ProcessStartInfo("dotnet", [program]) { RedirectStandardOutput = true, RedirectStandardError = true };
        var environment = (await File.ReadAllTextAsync($"/proc/{running}/environ")).Split('\0');
        foreach (var variable in environment.Where(text => text.StartsWith("CLOUD_", StringComparison.Ordinal)))
        {
            var parts = variable.Split('=', 2);
            info.Environment[parts[0]] = parts[1];
        }

        info.Environment["CLOUD_HTTP_PORT"] = $"{port}";
        info.Environment["CLOUD_COMPUTE_URL"] = backend;
        var process = Process.Start(info)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var http = new HttpClient();
        var address = new Uri($"http://127.0.0.1:{port}");
        for (var tries = 0; tries < 600; tries++)
        {
            try
            {
                using var answer = await http.GetAsync(new Uri(address, "/health/live"));
                return (process, address);
            }
            catch (HttpRequestException)
            {
                await Task.Delay(100);
            }
        }

        throw new InvalidOperationException("The second gateway did not start.");
    }

    private static async Task<double> MeasureAsync(Uri url, string token, int pid)
    {
        var before = CloudUnderMeasure.CpuSecondsOf(pid);
        var said = await CloudUnderMeasure.WrkAsync(url.ToString(), token, Connections, Seconds);
        var cpu = CloudUnderMeasure.CpuSecondsOf(pid) - before;
        return cpu / double.Parse(Requests().Match(said).Groups[1].Value, CultureInfo.InvariantCulture) * 1e6;
    }

    private static Task<WebApplication> StartProxyAsync(Uri backend) => StartAsync(
        app => app.MapReverseProxy(),
        builder => builder.Services.AddReverseProxy().LoadFromMemory(
            [new RouteConfig { RouteId = "all", ClusterId = "backend", Match = new RouteMatch { Path = "{**path}" } }],
            [new ClusterConfig { ClusterId = "backend", Destinations = Only(backend) }]));

    private static Dictionary<string, DestinationConfig> Only(Uri backend) =>
        new() { ["one"] = new() { Address = backend.ToString() } };

    private static async Task<WebApplication> StartAsync(Action<WebApplication> map, Action<WebApplicationBuilder>? add = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Logging.ClearProviders();
        add?.Invoke(builder);
        var app = builder.Build();
        map(app);
        await app.StartAsync();
        return app;
    }

    private static Uri AddressOf(WebApplication app) => new(app.Urls.First());

    [GeneratedRegex(@"(\d+) requests in")]
    private static partial Regex Requests();
}
