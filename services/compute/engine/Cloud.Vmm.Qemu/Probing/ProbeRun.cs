using System.Text;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Probing;

/// <summary>One run of a probe's guest, under a time limit. Firmware, serial port and log are memory: nothing is left on a disk.</summary>
/// <param name="Worked">The proof came, and the machine ended as it should.</param>
/// <param name="Reason">Why it did not, or what was seen.</param>
internal sealed record ProbeRun(bool Worked, string Reason)
{
    // The numbers that the process knows them by.
    private const int Firmware = 3;
    private const int Serial = 4;
    private const int SaidBytesMax = 4096;

    public static async Task<ProbeRun> RunAsync(ProbeTarget target, int? uid, TimeSpan limit, QemuParts parts, CancellationToken ct)
    {
        var guest = ProbeGuest.For(target.Architecture);
        using var firmware = MemoryFile.Create("probe");
        using var serial = MemoryFile.Create("serial");
        using var log = MemoryFile.Create("log");
        using var nothing = Descriptor.Open("/dev/null", LibC.OpenReadOnly);
        RandomAccess.Write(firmware, guest.Firmware, 0);

        // As machines: the simulator becomes its user by itself.
        var runAs = target.Engine == VmEngine.Simulation ? uid : null;
        using var process = MachineProcess.Start(
            target.Program, Arguments(target, guest, runAs), "/", [nothing, log, log, firmware, serial],
            runAs is null ? uid : null, KvmDevice.GroupsFor(target.Engine));
        var exiting = parts.Exits.WaitAsync(process);
        try
        {
            var exit = await exiting.WaitAsync(limit, parts.Time, ct);
            if (exit.Code == guest.ExitCode && Read(serial) == ProbeGuest.Proof)
            {
                return new ProbeRun(true, "A small 64-bit guest ran to its end.");
            }

            var how = exit.Signal is { } signal ? $"was ended by signal {signal}" : $"ended with code {exit.Code}";
            return new ProbeRun(false, $"A small 64-bit guest did not run: {Path.GetFileName(target.Program)} {how}{Said(log)}");
        }
        catch (TimeoutException)
        {
            return new ProbeRun(false, $"A small 64-bit guest started and then hung: no sign of it within {limit.TotalSeconds:0.#} s.");
        }
        finally
        {
            if (!exiting.IsCompleted)
            {
                process.Signal(LibC.SignalKill);
                await exiting;
            }
        }
    }

    private static IReadOnlyList<string> Arguments(ProbeTarget target, ProbeGuest guest, int? runAs) =>
        [
            "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none",
            "-sandbox", QemuCommandLine.Sandbox,
            "-machine", QemuBoard.For(target.Engine, target.Architecture).Machine,
            "-accel", target.Engine switch { VmEngine.Hardware => "kvm", VmEngine.Simulation => "sim", _ => "tcg" },
            "-cpu", target.Cpu,
            "-m", "size=16M",
            "-bios", $"/proc/self/fd/{Firmware}",
            "-serial", $"file:/proc/self/fd/{Serial}",
            .. runAs is { } user ? (string[])["-runas", QemuCommandLine.RunAs(user)] : [],
            .. guest.Arguments,
        ];

    private static string Said(SafeFileHandle log) => ProcessLog.LastLine(Read(log)) is { } line ? $": {line}" : ".";

    private static string Read(SafeFileHandle file)
    {
        var bytes = new byte[SaidBytesMax];
        return Encoding.UTF8.GetString(bytes, 0, RandomAccess.Read(file, bytes, 0));
    }
}

/// <summary>What a probe tries.</summary>
/// <param name="Program">QEMU's absolute path.</param>
/// <param name="Cpu">The CPU that its guest is given.</param>
internal sealed record ProbeTarget(string Program, VmEngine Engine, VmArchitecture Architecture, string Cpu);
