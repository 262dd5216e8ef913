using Cloud.Vmm.Qemu;
using Cloud.Vmm.Qemu.Console;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Extensions.Logging;

namespace Cloud.Vmm.Oci;

/// <summary>What all containers of a driver share.</summary>
internal sealed class OciParts(OciOptions options, TimeProvider time, ILoggerFactory loggers) : IDisposable
{
    public OciOptions Options { get; } = options;

    public TimeProvider Time { get; } = time;

    public ILoggerFactory Loggers { get; } = loggers;

    public ProcessExits Exits { get; } = new();

    public LogBounds Logs { get; } = new(
        new QemuOptions { StateFolder = options.StateFolder }, time, loggers.CreateLogger<LogBounds>());

    public Runtime Runtime { get; } = new(options);

    public void Dispose()
    {
        Logs.Dispose();
        Exits.Dispose();
    }
}
