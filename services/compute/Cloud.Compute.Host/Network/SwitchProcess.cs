using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Cloud.Primitives;
using Cloud.Switch.Client;

namespace Cloud.Compute.Host.Network;

/// <summary>Starts <c>cloud-switch</c>. It lives in a session of its own and outlives the agent.</summary>
internal static class SwitchProcess
{
    private const UnixFileMode Passable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    /// <summary>Returns when its control socket answers.</summary>
    /// <exception cref="CloudException">It did not start; says why.</exception>
    public static async Task StartAsync(HostOptions options, SwitchFolder folder, CancellationToken ct)
    {
        Directory.CreateDirectory(folder.Path);
        if (Environment.IsPrivilegedProcess)
        {
            // The switch's user passes through these to what it knows the name of.
            File.SetUnixFileMode(folder.Path, Passable);
            File.SetUnixFileMode(options.Folder, File.GetUnixFileMode(options.Folder) | UnixFileMode.OtherExecute);
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(StartLimit);
        using var process = Process.Start(StartInfo(options, folder))!;
        try
        {
            if (await process.StandardOutput.ReadLineAsync(limit.Token) != "ready")
            {
                var said = await process.StandardError.ReadToEndAsync(limit.Token);
                throw new CloudException(
                    ErrorKind.Unavailable, "network-failed", $"The host's network could not be started: {said.Trim()}");
            }
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }

    private static ProcessStartInfo StartInfo(HostOptions options, SwitchFolder folder)
    {
        List<string> command = [options.SwitchProgram, folder.Path];
        if (Environment.IsPrivilegedProcess)
        {
            command.Add((options.GuestUidFirst + options.GuestUidCount).ToString(CultureInfo.InvariantCulture));
        }

        if (options.MachineNetwork is { } machine)
        {
            command.InsertRange(0, ["nsenter", $"--net={machine}", "--"]);
        }

        var info = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // None of the agent's settings and secrets. The runtime's place, as the agent may run by one that is not found by itself.
        info.Environment.Clear();
        info.Environment["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        info.Environment["DOTNET_EnableDiagnostics"] = "0";
        return info;
    }
}
