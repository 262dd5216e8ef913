using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Cloud.Vmm.Qemu;

namespace Cloud.Vmm.Oci;

/// <summary>Asks the OCI runtime to do something with a container that is there.</summary>
internal sealed class Runtime(OciOptions options)
{
    private const int OutputBytesMax = 16 << 20;
    private const int BufferBytes = 64 << 10;

    private static readonly string[] Namespaces = UserNamespace.Own is null ? ["--mount"] : ["--user", "--mount"];

    public Task PauseAsync(string folder, string id, CancellationToken ct) => DoAsync(folder, ["pause", id], ct);

    public Task ResumeAsync(string folder, string id, CancellationToken ct) => DoAsync(folder, ["resume", id], ct);

    public Task SignalAsync(string folder, string id, int signal, CancellationToken ct) =>
        DoAsync(folder, ["kill", id, signal.ToString(CultureInfo.InvariantCulture)], ct);

    /// <summary>Ends the container, if it is there, and removes what the runtime keeps of it.</summary>
    public async Task DeleteAsync(string folder, string id, CancellationToken ct)
    {
        var (exitCode, _, error) = await RunAsync(Command(folder, ["delete", "--force", id]), ct);
        if (exitCode != 0)
        {
            throw new IOException(ProcessLog.LastLine(System.Text.Encoding.UTF8.GetString(error)) ?? "The runtime failed.");
        }
    }

    public Task UpdateAsync(string folder, string id, ContainerLimits limits, CancellationToken ct)
    {
        var memory = limits.MemoryBytes.ToString(CultureInfo.InvariantCulture);
        string[] cpu = !ContainerCgroups.LimitCpu ? [] :
        [
            "--cpu-period", ContainerLimits.CpuPeriodMicroseconds.ToString(CultureInfo.InvariantCulture),
            "--cpu-quota", limits.CpuQuotaMicroseconds.ToString(CultureInfo.InvariantCulture),
        ];
        return DoAsync(folder, ["update", "--memory", memory, "--memory-swap", memory, .. cpu, id], ct);
    }

    /// <summary>
    /// Runs a command in a container. It goes by the shim's mount namespace, the only one that the container's files are seen in, and for
    /// an ordinary user by its user namespace, which that is of.
    /// </summary>
    public async Task<GuestExecResult> ExecAsync(
        string folder, string id, int shimProcessId, IReadOnlyList<string> command, CancellationToken ct)
    {
        var (exitCode, output, error) = await RunAsync(ExecCommand(folder, id, shimProcessId, new GuestCommand(command)), ct);
        return new GuestExecResult(exitCode, output, error);
    }

    /// <summary>The same with streams for its input and output.</summary>
    public Task<GuestCommandEnd> RunAsync(
        string folder, string id, int shimProcessId, GuestCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output,
        CancellationToken ct) =>
        RuntimeStreams.RunAsync(Start(ExecCommand(folder, id, shimProcessId, command)), input, output, ct);

    /// <summary>Whether the runtime holds the container back.</summary>
    public async Task<bool> IsPausedAsync(string folder, string id, CancellationToken ct)
    {
        var (_, output, _) = await RunAsync(Command(folder, ["state", id]), ct);
        return System.Text.Encoding.UTF8.GetString(output).Contains("\"status\": \"paused\"", StringComparison.Ordinal);
    }

    private async Task DoAsync(string folder, IReadOnlyList<string> arguments, CancellationToken ct)
    {
        var (exitCode, _, error) = await RunAsync(Command(folder, arguments), ct);
        if (exitCode != 0)
        {
            var said = ProcessLog.LastLine(System.Text.Encoding.UTF8.GetString(error));
            throw new VmException($"The container did not do as asked: {said ?? $"the runtime ended with code {exitCode}"}");
        }
    }

    private List<string> Command(string folder, IReadOnlyList<string> arguments) =>
        [options.RuntimeProgram, "--root", Path.Combine(folder, ContainerFolder.RuntimeState), .. arguments];

    private List<string> ExecCommand(string folder, string id, int shimProcessId, GuestCommand command)
    {
        var shim = shimProcessId.ToString(CultureInfo.InvariantCulture);
        string[] user = command.User is { } named ? ["--user", $"{Text(named.UserId)}:{Text(named.GroupId)}"] : [];
        return
        [
            "/usr/bin/nsenter", "--target", shim, .. Namespaces, "--", .. Command(folder, ["exec", .. user, id, .. command.Command]),
        ];
    }

    private static string Text(uint number) => number.ToString(CultureInfo.InvariantCulture);

    private static Process Start(List<string> command)
    {
        var info = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // Nothing of the agent's settings and secrets.
        info.Environment.Clear();
        info.Environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
        try
        {
            return Process.Start(info)!;
        }
        catch (Win32Exception missing)
        {
            throw new VmException("The host's container runtime cannot be started.", missing);
        }
    }

    private static async Task<(int ExitCode, byte[] Output, byte[] Error)> RunAsync(List<string> command, CancellationToken ct)
    {
        using var process = Start(command);
        try
        {
            process.StandardInput.Close();
            var output = ReadAsync(process.StandardOutput.BaseStream, ct);
            var error = ReadAsync(process.StandardError.BaseStream, ct);
            await Task.WhenAll(output, error, process.WaitForExitAsync(ct));
            return (process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>To its end; what is past the bound is read and left out.</summary>
    private static async Task<byte[]> ReadAsync(Stream stream, CancellationToken ct)
    {
        var buffer = new byte[BufferBytes];
        using var kept = new MemoryStream();
        int read;
        while ((read = await stream.ReadAsync(buffer, ct)) > 0)
        {
            kept.Write(buffer, 0, (int)Math.Min(read, OutputBytesMax - kept.Length));
        }

        return kept.ToArray();
    }
}
