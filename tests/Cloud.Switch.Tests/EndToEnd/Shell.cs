using System.Diagnostics;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>Runs programs of the host.</summary>
internal static class Shell
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>What it printed on its standard output; it has to succeed.</summary>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var (exitCode, output, error) = await TryAsync(program, arguments);
        return exitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {exitCode}: {output}{error}");
    }

    public static async Task<(int ExitCode, string Output, string Error)> TryAsync(string program, params string[] arguments)
    {
        using var limit = new CancellationTokenSource(Limit);
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var error = process.StandardError.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, await output, await error);
    }
}
