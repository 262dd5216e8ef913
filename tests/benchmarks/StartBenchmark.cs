using System.Diagnostics;

namespace Cloud.Benchmarks;

/// <summary>The cloud's second start: down.sh, then up.sh until it is ready.</summary>
internal static class StartBenchmark
{
    private const int Rounds = 3;

    public static async Task RunAsync(CloudUnderMeasure cloud)
    {
        var profile = cloud.Units.ContainsKey("cloud") ? "local" : "distributed";
        var took = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            await RunAsync("infra/down.sh", "--keep-guests");
            var since = Stopwatch.GetTimestamp();
            await RunAsync("infra/up.sh", "--detach", "--profile", profile);
            took.Add(Stopwatch.GetElapsedTime(since).TotalSeconds);
        }

        Figures.Print($"up.sh --detach, the second time ({profile})", took, "s");
    }

    private static async Task RunAsync(string script, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(script, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{script} failed.");
        }
    }
}
