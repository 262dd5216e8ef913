namespace Cloud.Compute.WarmStates;

/// <summary>Where a warm state stands. The numbers are stored and never change.</summary>
public enum WarmStateStatus
{
    /// <summary>A machine of the image boots, is kept, and a second one is tried that goes on from it.</summary>
    Warming = 1,

    /// <summary>Instances go on from it.</summary>
    Active = 2,

    /// <summary>It could not be made; the reason says why. It is made anew when it is asked for once more.</summary>
    Failed = 3,

    /// <summary>Its image or its host's engine is another since, or its host has lost it: it is made anew.</summary>
    Stale = 4,
}
