using System.Diagnostics;

namespace Cloud.EndToEnd.Tests;

/// <summary>The way into a guest that its users take.</summary>
internal static class Ssh
{
    /// <summary>What a command in the guest prints; fails where it, or the way to it, does.</summary>
    public static async Task<string> RunAsync(string key, int port, string user, string command)
    {
        using var ssh = Process.Start(new ProcessStartInfo("ssh", [
            "-i", key, "-p", $"{port}", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes",
            "-o", "ConnectTimeout=60", "-o", "LogLevel=ERROR", $"{user}@127.0.0.1", command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var said = await ssh.StandardOutput.ReadToEndAsync(limit.Token);
        var complained = await ssh.StandardError.ReadToEndAsync(limit.Token);
        await ssh.WaitForExitAsync(limit.Token);
        ssh.ExitCode.ShouldBe(0, complained);
        return said;
    }
}
