namespace Cloud.Compute.Instances;

/// <summary>What happens when a guest ends by itself. The numbers are stored and never change.</summary>
public enum RestartPolicy
{
    Never = 1,

    /// <summary>Started again when it died, not when it powered itself off.</summary>
    OnFailure = 2,

    /// <summary>Started again however it ended.</summary>
    Always = 3,
}
