namespace Cloud.Compute.Host.Contracts;

/// <summary>The codes of a host's refusals that the control plane tells apart.</summary>
public static class HostErrors
{
    /// <summary>The guest does not run, and what was asked needs it to.</summary>
    public const string NotRunning = "not-running";

    /// <summary>The engine cannot run what the spec describes; asking again changes nothing.</summary>
    public const string Refused = "engine-refused";

    /// <summary>The guest's agent does not answer.</summary>
    public const string AgentSilent = "guest-agent-silent";

    /// <summary>A guest has the volume.</summary>
    public const string VolumeInUse = "volume-in-use";

    /// <summary>The guest has not let go of the volume yet; asked again it may have.</summary>
    public const string VolumeHeld = "volume-held";
}
