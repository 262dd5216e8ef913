namespace Cloud.Vmm.Qemu.Linux;

/// <summary>The present boot of this host: process numbers and probes are of one boot only.</summary>
internal static class HostBoot
{
    public static string Id { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
}
