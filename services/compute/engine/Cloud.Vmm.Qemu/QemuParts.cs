using Cloud.Vmm.Qemu.Cgroups;
using Cloud.Vmm.Qemu.Console;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Extensions.Logging;

namespace Cloud.Vmm.Qemu;

/// <summary>What all machines of a driver share.</summary>
internal sealed class QemuParts(QemuOptions options, TimeProvider time, ILoggerFactory loggers) : IDisposable
{
    public QemuOptions Options { get; } = options;

    public TimeProvider Time { get; } = time;

    public ILoggerFactory Loggers { get; } = loggers;

    public ProcessExits Exits { get; } = new();

    public GuestUids Uids { get; } = new(options);

    public MachineCgroups Cgroups { get; } = new(options.CgroupFolder, loggers.CreateLogger<MachineCgroups>());

    public LogBounds Logs { get; } = new(options, time, loggers.CreateLogger<LogBounds>());

    /// <summary>The CPU that the probe of this host's hardware ran on; null before it, or where none did.</summary>
    public string? HardwareCpu { get; set; }

    /// <summary>Whether machines' processes get users of their own.</summary>
    public bool OtherUsers { get; } = LibC.EffectiveUserId() == 0;

    /// <summary>Takes away what a machine leaves whose process has ended.</summary>
    public void Clean(string folder, MachineState? state)
    {
        if (state is not null)
        {
            Cgroups.Remove(state.Cgroups);
        }

        MachineFolder.Clean(folder);
    }

    public void Dispose()
    {
        Logs.Dispose();
        Exits.Dispose();
    }
}
