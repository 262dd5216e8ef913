using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Cloud.Vmm.Oci;
using Cloud.Vmm.Qemu;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests;

/// <summary>An agent in a process of its own, which starts a machine and can then be killed as a crash would.</summary>
internal sealed class AgentProcess : IDisposable
{
    public const string Word = "agent";

    private const string Started = "started ";

    private readonly Process _process;

    private AgentProcess(Process process, int machineProcessId)
    {
        _process = process;
        MachineProcessId = machineProcessId;
    }

    public int MachineProcessId { get; }

    public static async Task<AgentProcess> StartAsync(VmSpec spec)
    {
        string[] arguments = [typeof(AgentProcess).Assembly.Location, Word, JsonSerializer.Serialize(spec)];
        var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        })!;
        var line = await process.StandardOutput.ReadLineAsync();
        line.ShouldStartWith(Started);
        return new AgentProcess(process, int.Parse(line![Started.Length..], CultureInfo.InvariantCulture));
    }

    /// <summary>What the process does: starts the machine, says so, and waits to be killed.</summary>
    public static async Task<int> RunAsync(string spec)
    {
        var machine = JsonSerializer.Deserialize<VmSpec>(spec)!;
        var state = Path.Combine(machine.Folder, "..", "state");
        IVmDriver driver = machine.Engine == VmEngine.Container
            ? new OciDriver(new OciOptions { StateFolder = state }, TimeProvider.System, NullLoggerFactory.Instance)
            : new QemuDriver(new QemuOptions { StateFolder = state }, TimeProvider.System, NullLoggerFactory.Instance);
        using var closing = (IDisposable)driver;
        await using var running = await driver.StartAsync(machine, CancellationToken.None);
        await Console.Out.WriteLineAsync(Started + running.ProcessId.ToString(CultureInfo.InvariantCulture));

        // Ends with the one who started it.
        return await Console.In.ReadToEndAsync() == "" ? 0 : 1;
    }

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public void Dispose()
    {
        _process.Kill();
        _process.Dispose();
    }
}
