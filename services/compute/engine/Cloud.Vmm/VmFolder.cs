namespace Cloud.Vmm;

/// <summary>The names of the files in a machine's folder that its driver writes and others may read.</summary>
public static class VmFolder
{
    /// <summary>All that the guest's first serial port printed since the machine's start, appended over reboots.</summary>
    public const string ConsoleLog = "console.log";

    /// <summary>
    /// The boot report: JSON lines that the guest writes to the virtio-serial port <c>org.cloud.boot.0</c>. A file, so that a
    /// line written while no agent runs is not lost.
    /// </summary>
    public const string BootReport = "boot.jsonl";

    /// <summary>What the machine's process printed on its standard error.</summary>
    public const string ProcessLog = "process.log";
}
