namespace Cloud.ServiceDefaults.Auth;

/// <summary>What a caller may do, each more than the one before.</summary>
public enum Role
{
    /// <summary>Reads all of its project.</summary>
    Viewer = 1,

    /// <summary>Creates, changes and deletes resources.</summary>
    Editor = 2,

    /// <summary>Manages members, tokens and access keys of its project.</summary>
    Owner = 3,

    /// <summary>All projects, hosts and the cloud's own settings.</summary>
    Admin = 4,
}
