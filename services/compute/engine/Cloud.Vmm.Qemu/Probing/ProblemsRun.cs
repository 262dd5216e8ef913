using System.Text;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Qemu.Probing;

/// <summary>
/// Runs the guest that looks for the seven problems (<c>problems-x64.S</c>) until it has said what it found. All it is given is memory:
/// nothing is left on a disk.
/// </summary>
internal sealed class ProblemsRun(QemuParts parts)
{
    // The numbers that the process knows them by.
    private const int Kernel = 3;
    private const int Serial = 4;
    private const int SaidBytesMax = 4096;
    private const string Done = "done";

    private static readonly TimeSpan SoftwareLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan HardwareLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private static string GuestPath => Path.Combine(AppContext.BaseDirectory, "problems-x64");

    /// <param name="target">What runs it.</param>
    /// <param name="works">Whether it runs any guest; else this one runs without pages, and without rings of its own.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<ProblemsFound> RunAsync(ProbeTarget target, bool works, CancellationToken ct)
    {
        if (!File.Exists(GuestPath))
        {
            return ProblemsFound.None("The guest that looks for them was not assembled: there was no assembler for x86.");
        }

        var isOpen = target.Engine != VmEngine.Hardware || KvmDevice.WhyClosed() is null;
        (int Uid, FileLock Lock)? user = parts.OtherUsers && isOpen ? parts.Uids.Take($"problems-{target.Engine}") : null;
        using var held = user?.Lock;
        using var kernel = MemoryFile.Create("problems");
        using var serial = MemoryFile.Create("serial");
        using var log = MemoryFile.Create("log");
        using var nothing = Descriptor.Open("/dev/null", LibC.OpenReadOnly);
        RandomAccess.Write(kernel, await File.ReadAllBytesAsync(GuestPath, ct), 0);
        using var process = MachineProcess.Start(
            target.Program, Arguments(target, works), "/", [nothing, log, log, kernel, serial], user?.Uid,
            KvmDevice.GroupsFor(target.Engine));
        var exiting = parts.Exits.WaitAsync(process);
        try
        {
            var limit = target.Engine == VmEngine.Hardware ? HardwareLimit : SoftwareLimit;
            var began = parts.Time.GetTimestamp();
            while (!exiting.IsCompleted && !Read().Contains(Done, StringComparison.Ordinal) && parts.Time.GetElapsedTime(began) < limit)
            {
                await Task.WhenAny(exiting, Task.Delay(Look, parts.Time, ct));
                ct.ThrowIfCancellationRequested();
            }

            return Judge(Read(), works, limit);
        }
        finally
        {
            if (!exiting.IsCompleted)
            {
                process.Signal(LibC.SignalKill);
                await exiting;
            }
        }

        string Read()
        {
            var bytes = new byte[SaidBytesMax];
            return Encoding.ASCII.GetString(bytes, 0, RandomAccess.Read(serial, bytes, 0));
        }
    }

    private static ProblemsFound Judge(string said, bool works, TimeSpan limit)
    {
        if (!said.Contains(Done, StringComparison.Ordinal))
        {
            return ProblemsFound.Of(said, $"The guest that looks for them did not come to its end within {limit.TotalSeconds:0} s.");
        }

        return ProblemsFound.Of(
            said, works ? null : "It runs no guest with pages here, so they were looked for without pages, and without a user's ring.");
    }

    private static IReadOnlyList<string> Arguments(ProbeTarget target, bool works) =>
    [
        "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-sandbox", QemuCommandLine.Sandbox,
        "-machine",
        works ? QemuBoard.For(target.Engine, target.Architecture).Machine : "microvm,pic=on,pit=on,rtc=on,isa-serial=on",
        "-accel", target.Engine == VmEngine.Hardware ? "kvm" : "tcg",
        "-cpu", target.Cpu,
        "-m", "size=128M",
        "-serial", $"file:/proc/self/fd/{Serial}",
        "-kernel", $"/proc/self/fd/{Kernel}",
        "-append", works ? "pages" : "ring0",
    ];
}
