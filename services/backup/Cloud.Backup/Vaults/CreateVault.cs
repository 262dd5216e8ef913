using System.Text.Json;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Outbound;

namespace Cloud.Backup.Vaults;

/// <summary>The body of <c>POST /v1/vaults</c>. Without <c>s3</c> and <c>folder</c> the cloud keeps the vault itself.</summary>
public sealed record CreateVaultRequest
{
    public required string Name { get; init; }

    public S3VaultRequest? S3 { get; init; }

    /// <summary>An absolute path on the machine of the service, for admins: an external disk, a mounted share.</summary>
    public string? Folder { get; init; }

    /// <summary>The exported key of a vault that is there already, whose recovery points are taken over; left out for a new one.</summary>
    public string? Key { get; init; }

    /// <summary>A new recovery point cannot be removed for so many days, by anybody; 0 for no lock. It can be made longer only.</summary>
    public int LockDays { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

/// <summary>A bucket of any S3 endpoint.</summary>
public sealed record S3VaultRequest
{
    /// <summary>The URL of the endpoint.</summary>
    public required string Endpoint { get; init; }

    public required string Bucket { get; init; }

    /// <summary>What the keys of the vault's objects begin with; it ends in a slash.</summary>
    public string? Prefix { get; init; }

    public string? Region { get; init; }

    public required string AccessKeyId { get; init; }

    public required string SecretAccessKey { get; init; }
}

internal static class CreateVault
{
    public const int LockDaysMax = 36_500;

    private const int TextLengthMax = 1000;

    public static async Task<IResult> HandleAsync(
        CreateVaultRequest request, Caller caller, HttpContext context, NewVaults vaults, BackupSettings settings, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        errors.Require(request.LockDays is >= 0 and <= LockDaysMax, "lockDays", $"Expected 0 to {LockDaysMax}.");
        errors.Require(request.S3 is null || request.Folder is null, "folder", "A vault lies in a bucket or in a folder.");
        Check(request.S3, errors);
        var secrets = new VaultSecrets(KeyOf(request.Key, errors), request.S3?.AccessKeyId, request.S3?.SecretAccessKey);
        errors.ThrowIfAny();
        var (kind, location) = PlaceOf(request, caller, settings);
        var labels = new Labels(request.Labels ?? new Dictionary<string, string>());
        var vault = await vaults.CreateAsync(
            caller.Project, request.Name, labels, kind, location, secrets, request.LockDays, caller.IsAdmin, ct);
        return ResourceResults.Created(context, $"/v1/vaults/{vault.Id}", VaultView.From(vault), vault.Version);
    }

    private static void Check(S3VaultRequest? s3, FieldErrors errors)
    {
        if (s3 is null)
        {
            return;
        }

        errors.Require(OutboundUrl.TryParse(s3.Endpoint, out _), "s3.endpoint", OutboundUrl.Form);
        errors.Require(
            s3.Bucket is { Length: >= 3 and <= 63 }
                && s3.Bucket.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.'),
            "s3.bucket", "Expected a bucket's name: 3 to 63 of lower-case letters, digits, '-' and '.'.");
        errors.Require(
            s3.Prefix is null || (s3.Prefix.Length is > 1 and <= 200 && s3.Prefix.EndsWith('/') && !s3.Prefix.Any(char.IsControl)),
            "s3.prefix", "Expected up to 200 characters that end in a slash.");
        errors.Require(s3.Region is null || IsPlain(s3.Region), "s3.region", "Expected a region's name.");
        errors.Require(IsPlain(s3.AccessKeyId), "s3.accessKeyId", "Expected the id of an access key.");
        errors.Require(IsPlain(s3.SecretAccessKey), "s3.secretAccessKey", "Expected the secret of an access key.");
    }

    private static bool IsPlain(string? text) => text is { Length: > 0 and <= TextLengthMax } && text.All(c => c is > ' ' and < '\x7f');

    private static string KeyOf(string? exported, FieldErrors errors)
    {
        if (exported is null)
        {
            return VaultKey.Create().Export();
        }

        try
        {
            return VaultKey.Import(exported).Export();
        }
        catch (VaultException wrong)
        {
            errors.Add("key", wrong.Message);
            return "";
        }
    }

    private static (VaultKind Kind, Func<VaultId, string> Location) PlaceOf(
        CreateVaultRequest request, Caller caller, BackupSettings settings)
    {
        if (request.S3 is { } s3)
        {
            var location = new S3Location(s3.Endpoint, s3.Region ?? "us-east-1", s3.Bucket, s3.Prefix ?? "");
            return (VaultKind.S3, _ => JsonSerializer.Serialize(location, JsonSerializerOptions.Web));
        }

        if (request.Folder is not { } folder)
        {
            return (VaultKind.Managed, NewVaults.PlaceOf);
        }

        if (!caller.IsAdmin)
        {
            throw new CloudException(ErrorKind.Forbidden, "admin-only", "Only an admin names a folder of the machine.");
        }

        if (folder.Length > TextLengthMax || !Path.IsPathFullyQualified(folder) || folder.Any(char.IsControl)
            || settings.IsOwn(Path.GetFullPath(folder)))
        {
            throw CloudException.Invalid("folder", "Expected an absolute path outside of the cloud's own folder.");
        }

        return (VaultKind.Folder, _ => Path.GetFullPath(folder));
    }
}
