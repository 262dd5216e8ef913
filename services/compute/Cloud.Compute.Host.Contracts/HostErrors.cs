namespace Cloud.Compute.Host.Contracts;

/// <summary>The codes of a host's refusals that the control plane tells apart.</summary>
public static class HostErrors
{
    /// <summary>The guest does not run, and what was asked needs it to.</summary>
    public const string NotRunning = "not-running";

    /// <summary>The engine cannot run what the spec describes; asking again changes nothing.</summary>
    public const string Refused = "engine-refused";

    /// <summary>The guest has volumes, which what was asked for does not take in.</summary>
    public const string HasVolumes = "has-volumes";

    /// <summary>The guest has other processors or memory now than when the snapshot was taken.</summary>
    public const string Resized = "resized";

    /// <summary>The root disk lies over as many files as are allowed.</summary>
    public const string TooManyLayers = "too-many-snapshots";

    /// <summary>A copy of a guest could not be given an identity of its own, and was ended.</summary>
    public const string NotRenewed = "not-renewed";

    /// <summary>What was kept of a guest was kept by another version of its engine.</summary>
    public const string OtherVersion = "other-engine-version";

    /// <summary>The guest's agent does not answer.</summary>
    public const string AgentSilent = "guest-agent-silent";

    /// <summary>A guest has the volume.</summary>
    public const string VolumeInUse = "volume-in-use";

    /// <summary>The guest has not let go of the volume yet; asked again it may have.</summary>
    public const string VolumeHeld = "volume-held";

    /// <summary>The host does not have the master key that the volume's own is wrapped by.</summary>
    public const string MasterKeyMissing = "master-key-missing";

    /// <summary>The guest did not go to the other host; it goes on where it was.</summary>
    public const string NotMoved = "not-moved";

    /// <summary>Nobody knows yet whether the guest runs on the other host; it stands still here.</summary>
    public const string Unsettled = "move-unsettled";

    /// <summary>The guest goes to another host at this moment, or comes from one.</summary>
    public const string Moving = "moving";
}
