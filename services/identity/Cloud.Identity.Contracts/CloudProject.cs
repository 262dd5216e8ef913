namespace Cloud.Identity.Contracts;

/// <summary>The project of what the cloud's services make for themselves. No token reaches it, and no quota counts it.</summary>
public static class CloudProject
{
    /// <summary>Never one that is made: those have more after the prefix.</summary>
    public const string Id = "prj-cloud";

    public const string Name = "cloud";
}
