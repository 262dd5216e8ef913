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

    /// <summary>Whether machines' processes get users of their own.</summary>
    public bool OtherUsers { get; } = LibC.EffectiveUserId() == 0;

    /// <summary>Takes away what a machine leaves whose process has ended.</summary>
    public void Clean(string folder, MachineState? state)
    {
        MachineFolder.Clean(folder);
        _ = Options;
    }

    public void Dispose() => Exits.Dispose();
}
