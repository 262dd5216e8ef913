namespace Cloud.Identity.Contracts;

/// <summary>A quota: what a project may have at most, where nobody has set another limit for it.</summary>
/// <param name="Name">As the API shows it; sizes end in <c>Bytes</c>.</param>
/// <param name="DefaultLimit">Inclusive.</param>
/// <param name="Description">What is counted.</param>
/// <param name="GoesWithProject">What is counted is removed with the project, so it does not hold up its deletion.</param>
public sealed record QuotaKind(string Name, long DefaultLimit, string Description, bool GoesWithProject = false);

/// <summary>All quotas. A service that counts something new adds its line here.</summary>
public static class QuotaCatalog
{
    private const long Gi = 1L << 30;

    public static IReadOnlyList<QuotaKind> All { get; } =
    [
        new("accessKeys", 100, "S3 access keys.", GoesWithProject: true),
        new("backupPlans", 50, "Backup plans."),
        new("buckets", 100, "Buckets."),
        new("databases", 20, "Managed databases."),
        new("images", 50, "Images of the project's own."),
        new("instanceSnapshots", 100, "Snapshots of instances."),
        new("instances", 200, "Instances, stopped ones included."),
        new("keyPairs", 100, "Key pairs."),
        new("members", 200, "Members of the project.", GoesWithProject: true),
        new("memoryBytes", 256 * Gi, "Memory of all instances."),
        new("objectBytes", 1024 * Gi, "Bytes of all objects."),
        new("snapshots", 500, "Snapshots of volumes."),
        new("tokens", 500, "API tokens, expired ones included.", GoesWithProject: true),
        new("vaults", 20, "Backup vaults."),
        new("vcpus", 200, "Virtual processors of all instances."),
        new("volumeBytes", 4096 * Gi, "Sizes of all volumes."),
        new("volumes", 200, "Volumes."),
    ];

    /// <returns>Null where there is no such quota.</returns>
    public static QuotaKind? Find(string name) => All.FirstOrDefault(kind => kind.Name == name);
}
