namespace Cloud.Vmm.Qemu.Linux;

/// <summary>How a process ended; neither is known of a process that is not this one's child.</summary>
internal readonly record struct ProcessExit(int? Code, int? Signal);
