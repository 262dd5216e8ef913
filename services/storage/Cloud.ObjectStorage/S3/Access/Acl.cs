using System.Xml.Linq;
using Cloud.ObjectStorage.Buckets;

namespace Cloud.ObjectStorage.S3.Access;

/// <summary>Access control lists as S3 carries them: canned by a word, in headers, or as a document.</summary>
internal static class Acl
{
    private const int GrantsMax = 100;

    private static readonly (string Header, AclPermission Permission)[] GrantHeaders =
    [
        ("x-amz-grant-read", AclPermission.Read), ("x-amz-grant-write", AclPermission.Write),
        ("x-amz-grant-read-acp", AclPermission.ReadAcp), ("x-amz-grant-write-acp", AclPermission.WriteAcp),
        ("x-amz-grant-full-control", AclPermission.FullControl),
    ];

    /// <summary>The grants that a request's headers ask for, beside the owner's; null where they say nothing.</summary>
    /// <exception cref="S3Exception">They say what is not allowed here.</exception>
    public static List<AclGrant>? FromHeaders(S3Request request, Bucket? bucket, string owner)
    {
        var canned = request.Header("x-amz-acl");
        var grants = new List<AclGrant>();
        foreach (var (header, permission) in GrantHeaders)
        {
            if (request.Header(header) is { } text)
            {
                grants.AddRange(text.Split(',', StringSplitOptions.TrimEntries).Select(one => new AclGrant(GranteeOf(one), permission)));
            }
        }

        if (canned is not null && grants.Count > 0)
        {
            throw S3Error.InvalidRequest.With("Specifying both Canned ACLs and Header Grants is not allowed");
        }

        if (canned is null && grants.Count == 0)
        {
            return null;
        }

        var asked = canned is null ? grants : Canned(canned, bucket?.Project ?? owner);
        RequireAllowed(bucket, asked, canned, owner);
        return canned is null ? Whole(asked, owner) : asked;
    }

    public static List<AclGrant> Canned(string word, string bucketOwner) => word switch
    {
        "private" => [],
        "public-read" => [new(AclGrant.AllUsers, AclPermission.Read)],
        "public-read-write" => [new(AclGrant.AllUsers, AclPermission.Read), new(AclGrant.AllUsers, AclPermission.Write)],
        "authenticated-read" => [new(AclGrant.AuthenticatedUsers, AclPermission.Read)],
        "bucket-owner-read" => [new(bucketOwner, AclPermission.Read)],
        "bucket-owner-full-control" => [new(bucketOwner, AclPermission.FullControl)],
        _ => throw S3Error.InvalidArgument.With(null, ("ArgumentName", "x-amz-acl"), ("ArgumentValue", word)),
    };

    /// <summary>The document's grants beside the owner's own.</summary>
    public static List<AclGrant> FromXml(XElement document, Bucket bucket, string owner)
    {
        if (document.Child("Owner")?.Text("ID") is { } named && named != owner)
        {
            throw S3Error.AccessDenied.With("The owner of a list cannot be changed.");
        }

        var list = document.Child("AccessControlList") ?? throw S3Error.MalformedAcl.With();
        var grants = list.Children("Grant").Select(Read).Distinct().ToList();
        if (grants.Count > GrantsMax)
        {
            throw S3Error.MalformedAcl.With($"At most {GrantsMax} grants.");
        }

        RequireAllowed(bucket, grants, null, owner);
        return Whole(grants, owner);
    }

    /// <summary>A list that is written out names the owner or does not; a canned one adds to the owner's grant.</summary>
    private static List<AclGrant> Whole(List<AclGrant> grants, string owner)
    {
        if (!grants.Exists(grant => grant.Grantee == owner))
        {
            grants.Add(new AclGrant(AclGrant.NotTheOwner, AclPermission.FullControl));
        }

        return grants;
    }

    /// <param name="nameOf">A project's name by its id; empty where it is not known.</param>
    public static S3Xml ToXml(string owner, IReadOnlyList<AclGrant> grants, Func<string, string> nameOf)
    {
        var xml = new S3Xml().OpenRoot("AccessControlPolicy").Open("Owner").Element("ID", owner).Element("DisplayName", nameOf(owner))
            .Close("Owner").Open("AccessControlList");
        foreach (var grant in grants.Where(grant => grant.IsPublic))
        {
            Write(xml, grant, nameOf);
        }

        if (!grants.Any(grant => grant.Grantee == owner || grant.Grantee == AclGrant.NotTheOwner))
        {
            // It stands in no row.
            Write(xml, new AclGrant(owner, AclPermission.FullControl), nameOf);
        }

        foreach (var grant in grants.Where(grant => !grant.IsPublic && grant.Grantee != AclGrant.NotTheOwner))
        {
            Write(xml, grant, nameOf);
        }

        return xml.Close("AccessControlList").Close("AccessControlPolicy");
    }

    private static void RequireAllowed(Bucket? bucket, List<AclGrant> grants, string? canned, string owner)
    {
        var beyondTheOwner = grants.Exists(grant => grant.Grantee != owner && grant.Grantee != bucket?.Project);
        if (bucket?.Settings.Ownership == ObjectOwnership.BucketOwnerEnforced
            && (beyondTheOwner || canned is not (null or "bucket-owner-full-control")))
        {
            throw S3Error.AccessControlListNotSupported.With();
        }

        if (bucket?.Settings.PublicAccessBlock?.BlockPublicAcls == true && grants.Exists(grant => grant.IsPublic))
        {
            throw S3Error.AccessDenied.With("The public access block refuses public lists.");
        }
    }

    private static string GranteeOf(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var kind = equals < 0 ? "" : text[..equals].Trim();
        var value = equals < 0 ? "" : text[(equals + 1)..].Trim().Trim('"');
        return kind switch
        {
            "id" => RequireId(value),
            "uri" => RequireGroup(value),
            "emailAddress" => throw S3Error.UnresolvableGrant.With(),
            _ => throw S3Error.InvalidArgument.With("Expected grantees such as id=\"…\" or uri=\"…\"."),
        };
    }

    private static string RequireGroup(string uri) => uri is AclGrant.AllUsers or AclGrant.AuthenticatedUsers
        ? uri
        : throw S3Error.InvalidArgument.With("Invalid group uri", ("ArgumentName", "uri"), ("ArgumentValue", uri));

    private static string RequireId(string id) =>
        id.StartsWith("prj-", StringComparison.Ordinal) && id.Length < 64 && id.AsSpan(4).IndexOfAnyExceptInRange('0', 'z') < 0
            ? id
            : throw S3Error.InvalidArgument.With("Invalid id", ("ArgumentName", "CanonicalUser/ID"), ("ArgumentValue", id));

    private static AclGrant Read(XElement grant)
    {
        var grantee = grant.Child("Grantee") ?? throw S3Error.MalformedAcl.With();
        var permission = grant.Text("Permission") switch
        {
            "READ" => AclPermission.Read,
            "WRITE" => AclPermission.Write,
            "READ_ACP" => AclPermission.ReadAcp,
            "WRITE_ACP" => AclPermission.WriteAcp,
            "FULL_CONTROL" => AclPermission.FullControl,
            _ => throw S3Error.MalformedAcl.With(),
        };
        return grantee.Text("URI") is { } uri
            ? new AclGrant(RequireGroup(uri), permission)
            : grantee.Text("ID") is { } id
                ? new AclGrant(RequireId(id), permission)
                : grantee.Text("EmailAddress") is not null
                    ? throw S3Error.UnresolvableGrant.With()
                    : throw S3Error.MalformedAcl.With();
    }

    private static void Write(S3Xml xml, AclGrant grant, Func<string, string> nameOf)
    {
        xml.Open("Grant").OpenTyped("Grantee", grant.IsPublic ? "Group" : "CanonicalUser");
        if (grant.IsPublic)
        {
            xml.Element("URI", grant.Grantee);
        }
        else
        {
            xml.Element("ID", grant.Grantee).Element("DisplayName", nameOf(grant.Grantee));
        }

        xml.Close("Grantee").Element("Permission", grant.Permission switch
        {
            AclPermission.Read => "READ",
            AclPermission.Write => "WRITE",
            AclPermission.ReadAcp => "READ_ACP",
            AclPermission.WriteAcp => "WRITE_ACP",
            _ => "FULL_CONTROL",
        }).Close("Grant");
    }
}
