using System.Collections.Concurrent;
using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Cloud.ObjectStorage.Persistence;

namespace Cloud.ObjectStorage.S3.Signing;

/// <summary>The secrets of access keys, kept for less than a second: a key that is revoked is dead within one.</summary>
internal sealed class AccessKeys(IAccessKeySecrets secrets, PresignKeys presign, TimeProvider time)
{
    private const int KnownMax = 10_000;
    private const int KeyLengthMax = 128;

    private static readonly TimeSpan Freshness = TimeSpan.FromMilliseconds(800);

    private readonly ConcurrentDictionary<string, Known> _known = new(StringComparer.Ordinal);

    /// <returns>Null for a key that opens nothing.</returns>
    public async ValueTask<AccessKey?> FindAsync(string accessKeyId, CancellationToken ct)
    {
        if (_known.TryGetValue(accessKeyId, out var known) && time.GetElapsedTime(known.At) < Freshness)
        {
            return Valid(known.Key);
        }

        if (accessKeyId.Length is 0 or > KeyLengthMax || !accessKeyId.All(char.IsAsciiLetterOrDigit))
        {
            return null;
        }

        if (presign.Find(accessKeyId) is { } own)
        {
            return own;
        }

        var at = time.GetTimestamp();
        var secret = await secrets.FindAsync(accessKeyId, ct);
        if (_known.Count >= KnownMax)
        {
            _known.Clear();
        }

        var key = secret is null ? null : known?.Key is { } before && before.IsFor(secret) ? before : new AccessKey(secret);
        _known[accessKeyId] = new Known(key, at);
        return Valid(key);
    }

    public void Forget(string accessKeyId) => _known.TryRemove(accessKeyId, out _);

    private AccessKey? Valid(AccessKey? key) => key?.ExpiresAt <= time.GetUtcNow() ? null : key;

    private sealed record Known(AccessKey? Key, long At);
}

/// <summary>A key that opens something, with the signing keys that were derived of it.</summary>
internal sealed class AccessKey(AccessKeySecret secret)
{
    private const int DerivedMax = 16;

    private readonly ConcurrentDictionary<string, byte[]> _derived = new(StringComparer.Ordinal);

    public Principal Principal { get; } = new(
        secret.AccessKeyId, secret.Subject, secret.Project, secret.ProjectName, secret.Buckets, secret.ReadOnly);

    public DateTimeOffset? ExpiresAt => secret.ExpiresAt;

    public bool IsFor(AccessKeySecret other) => other with { Buckets = secret.Buckets } == secret
        && other.Buckets.SequenceEqual(secret.Buckets);

    public byte[] SigningKeyFor(string date, string region, string service)
    {
        var scope = $"{date}/{region}/{service}";
        if (_derived.TryGetValue(scope, out var key))
        {
            return key;
        }

        if (_derived.Count >= DerivedMax)
        {
            _derived.Clear();
        }

        return _derived[scope] = SigningKey.Derive(secret.SecretAccessKey, date, region, service);
    }
}

/// <summary>Drops a revoked key at once.</summary>
internal sealed class AccessKeyRevokedHandler(AccessKeys keys) : IMessageHandler<ObjectStorageDbContext, AccessKeyRevoked>
{
    public Task HandleAsync(AccessKeyRevoked message, ObjectStorageDbContext db, CancellationToken ct)
    {
        keys.Forget(message.AccessKeyId);
        return Task.CompletedTask;
    }
}
