using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Amazon.Runtime;
using Amazon.S3;
using Cloud.Backup.Persistence;
using Cloud.Backup.Vaults.Storage;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Outbound;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Vaults;

/// <summary>Where a bucket of another endpoint is.</summary>
internal sealed record S3Location(string Endpoint, string Region, string Bucket, string Prefix);

/// <summary>The vaults that this process has opened. A vault is opened once, so that all who write to it know of one another.</summary>
internal sealed class OpenVaults(
    IDbContextFactory<BackupDbContext> databases, SecretSeal seal, OutboundHttp outbound, IPrivateObjects objects) : IDisposable
{
    private readonly ConcurrentDictionary<VaultId, Lazy<Task<Vault>>> _open = new();

    /// <exception cref="CloudException">The vault does not open: its place is away, or another vault is there.</exception>
    public async Task<Vault> OpenAsync(VaultId id, CancellationToken ct)
    {
        var opening = _open.GetOrAdd(id, key => new Lazy<Task<Vault>>(() => LoadAsync(key)));
        try
        {
            return await opening.Value.WaitAsync(ct);
        }
        catch (Exception failed) when (failed is not OperationCanceledException)
        {
            _open.TryRemove(new KeyValuePair<VaultId, Lazy<Task<Vault>>>(id, opening));
            throw ToRefusal(id.Value, failed);
        }
    }

    /// <summary>Opens a vault that has no row yet, or makes it.</summary>
    public async Task<Vault> TryAsync(VaultKind kind, string location, VaultSecrets secrets, VaultId id, CancellationToken ct)
    {
        try
        {
            return await Vault.CreateAsync(StorageOf(kind, location, secrets), VaultKey.Import(secrets.Key), id.Value, ct);
        }
        catch (Exception failed) when (failed is not OperationCanceledException)
        {
            throw ToRefusal("", failed);
        }
    }

    public void Forget(VaultId id)
    {
        if (_open.TryRemove(id, out var opened) && opened.Value.IsCompletedSuccessfully)
        {
            opened.Value.Result.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var id in _open.Keys)
        {
            Forget(id);
        }
    }

    private async Task<Vault> LoadAsync(VaultId id)
    {
        await using var db = await databases.CreateDbContextAsync();
        var row = await db.Vaults.AsNoTracking().SingleAsync(vault => vault.Id == id);
        var secrets = seal.Open<VaultSecrets>(row.SealedSecrets, id.Value);
        return await Vault.CreateAsync(
            StorageOf(row.Kind, row.Location, secrets), VaultKey.Import(secrets.Key), id.Value, CancellationToken.None);
    }

    private IVaultStorage StorageOf(VaultKind kind, string location, VaultSecrets secrets)
    {
        if (kind != VaultKind.S3)
        {
            // One that the cloud keeps lay in a folder before it lay in a bucket, and goes on there.
            return Path.IsPathRooted(location) ? new FolderStorage(location) : new PrivateBucketStorage(objects, location);
        }

        var s3 = JsonSerializer.Deserialize<S3Location>(location, JsonSerializerOptions.Web)!;
        var client = new AmazonS3Client(
            new BasicAWSCredentials(secrets.AccessKeyId, secrets.SecretAccessKey),
            new AmazonS3Config
            {
                ServiceURL = s3.Endpoint,
                AuthenticationRegion = s3.Region,
                ForcePathStyle = true,
                HttpClientFactory = new OutboundClients(outbound),
            });
        return new S3Storage(client, s3.Bucket, s3.Prefix);
    }

    private static CloudException ToRefusal(string vault, Exception failed) => failed switch
    {
        VaultException { Fault: VaultFault.WrongKey } wrong => CloudException.Invalid("key", wrong.Message),
        VaultException broken => CloudException.Conflict("vault-damaged", broken.Message),
        _ when RefusalIn(failed) is { } refused => refused,
        IOException { InnerException: AmazonServiceException { StatusCode: >= (HttpStatusCode)400 and < (HttpStatusCode)500 } said } =>
            CloudException.Conflict("vault-refused", $"The vault's endpoint answers {said.ErrorCode}: {said.Message}"),
        _ => new CloudException(ErrorKind.Unavailable, "vault-unreachable", $"The place of vault {vault} cannot be reached now.", failed),
    };

    /// <summary>A refusal of the cloud's own at the bottom of it, as of an address that users' URLs do not reach.</summary>
    private static CloudException? RefusalIn(Exception? failed) =>
        failed is null or CloudException ? failed as CloudException : RefusalIn(failed.InnerException);

    /// <summary>An endpoint that a user gave is reached as every URL that a user gives.</summary>
    private sealed class OutboundClients(OutboundHttp outbound) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => outbound.CreateClient();

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;
    }
}
