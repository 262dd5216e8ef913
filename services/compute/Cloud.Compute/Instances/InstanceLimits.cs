namespace Cloud.Compute.Instances;

/// <summary>How long each state on the way may last, and what an instance may have.</summary>
internal static class InstanceLimits
{
    /// <summary>With the time that an image may take that is still being built.</summary>
    public static readonly TimeSpan Provisioning = TimeSpan.FromHours(1);

    public static readonly TimeSpan Booting = TimeSpan.FromMinutes(5);
    public static readonly TimeSpan Stopping = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan Pausing = TimeSpan.FromSeconds(30);
    /// <summary>To write or read a guest's memory.</summary>
    public static readonly TimeSpan Saving = TimeSpan.FromMinutes(5);

    /// <summary>For a guest to go to another host; with the hour that may be asked for.</summary>
    public static readonly TimeSpan Migrating = TimeSpan.FromMinutes(90);

    public static readonly TimeSpan Deleting = TimeSpan.FromSeconds(60);

    /// <summary>From asking the guest to power off to ending it by force.</summary>
    public static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(20);

    /// <summary>A guest that ran for this long did not die of its boot.</summary>
    public static readonly TimeSpan RanWell = TimeSpan.FromMinutes(2);

    public static readonly TimeSpan RestartDelayMax = TimeSpan.FromMinutes(5);

    public const int UserDataBytesMax = 1 << 20;

    public const int PortsMax = 32;
}
