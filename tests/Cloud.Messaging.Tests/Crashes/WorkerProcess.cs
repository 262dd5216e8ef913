using System.Diagnostics;
using System.Text.Json;

namespace Cloud.Messaging.Tests.Crashes;

/// <summary>A process of the tests' own program, to be killed.</summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    private readonly Process _process;

    private WorkerProcess(Process process) => _process = process;

    /// <summary>Starts it and waits until it is at work; or has killed itself already.</summary>
    public static async Task<WorkerProcess> StartAsync(WorkerTask task)
    {
        var process = Process.Start(new ProcessStartInfo(
            Environment.ProcessPath!, [.. ProgramArguments(), Worker.Switch, JsonSerializer.Serialize(task)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        await process.StandardOutput.ReadLineAsync();
        return new WorkerProcess(process);
    }

    /// <summary>The exit code; 137 where it was killed.</summary>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    /// <summary>kill -9.</summary>
    public Task KillAsync()
    {
        _process.Kill();
        return _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    // Under `dotnet X.dll` the process is dotnet, and the program its argument.
    private static string[] ProgramArguments() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(Worker).Assembly.Location] : [];
}
