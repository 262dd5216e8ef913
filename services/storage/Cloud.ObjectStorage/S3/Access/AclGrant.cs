namespace Cloud.ObjectStorage.S3.Access;

/// <summary>One grant of an access control list.</summary>
/// <param name="Grantee">A project's id, or one of the two groups.</param>
internal sealed record AclGrant(string Grantee, AclPermission Permission)
{
    public const string AllUsers = "http://acs.amazonaws.com/groups/global/AllUsers";

    public const string AuthenticatedUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

    /// <summary>Stands for a list that names the owner not: shown so, though an owner keeps what is theirs.</summary>
    public const string NotTheOwner = "-";

    public bool IsPublic => Grantee is AllUsers or AuthenticatedUsers;
}

/// <summary>What a grant allows; the words of S3.</summary>
internal enum AclPermission
{
    Read = 1,
    Write = 2,
    ReadAcp = 3,
    WriteAcp = 4,
    FullControl = 5,
}
