namespace Cloud.ObjectStorage.Buckets;

/// <summary>What becomes of an object that is overwritten or deleted.</summary>
public enum Versioning
{
    /// <summary>Never enabled: it is gone.</summary>
    Off = 1,

    /// <summary>It stays as an older version.</summary>
    Enabled = 2,

    /// <summary>Was enabled: older versions stay, new ones replace the version <c>null</c>.</summary>
    Suspended = 3,
}
