using System.Collections.Concurrent;
using System.Text.Json;
using Amazon.Runtime;
using Amazon.S3;
using Cloud.Backup.Persistence;
using Cloud.Backup.Vaults.Storage;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Outbound;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Vaults;

/// <summary>Where a bucket of another endpoint is.</summary>
internal sealed record S3Location(string Endpoint, string Region, string Bucket, string Prefix);

/// <summary>The vaults that this process has opened. A vault is opened once, so that all who write to it know of one another.</summary>
internal sealed class OpenVaults(
    IDbContextFactory<BackupDbContext> databases, SecretSeal seal, OutboundHttp outbound) : IDisposable
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
            return new FolderStorage(location);
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
        CloudException refused => refused,
        VaultException { Fault: VaultFault.WrongKey } wrong => CloudException.Invalid("key", wrong.Message),
        VaultException broken => CloudException.Conflict("vault-damaged", broken.Message),
        AmazonServiceException { InnerException.InnerException: CloudException refused } => refused,
        _ => new CloudException(ErrorKind.Unavailable, "vault-unreachable", $"The place of vault {vault} cannot be reached now.", failed),
    };

    /// <summary>An endpoint that a user gave is reached as every URL that a user gives.</summary>
    private sealed class OutboundClients(OutboundHttp outbound) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => outbound.CreateClient();

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;
    }
}
