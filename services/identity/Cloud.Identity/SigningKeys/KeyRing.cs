using System.Security.Cryptography;
using Cloud.Identity.Persistence;
using Cloud.Identity.Secrets;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;

namespace Cloud.Identity.SigningKeys;

/// <summary>The signing keys as they are in the database, read again now and then: another replica may have made a new one.</summary>
internal sealed partial class KeyRing(
    IDbContextFactory<IdentityDbContext> databases, SecretBox secrets, TimeProvider time, ILogger<KeyRing> log)
    : IVerificationKeys, IDisposable
{
    /// <summary>Asking for key ids that do not exist makes no more queries than this.</summary>
    private static readonly TimeSpan PauseMin = TimeSpan.FromSeconds(1);

    /// <summary>A new key is known to all replicas before anybody signs with it, but for the very first.</summary>
    internal static readonly TimeSpan KnownBefore = TimeSpan.FromMinutes(2);

    private readonly SemaphoreSlim _reading = new(1, 1);
    private volatile Ring? _ring;
    private long _readAt;

    /// <summary>The key to sign with.</summary>
    /// <exception cref="InvalidOperationException">None was made yet: <see cref="RotateAsync"/> comes first.</exception>
    public ECDsaSecurityKey Current => _ring?.Signer ?? throw new InvalidOperationException("There is no signing key yet.");

    /// <summary>The keys that verify, newest first.</summary>
    public async Task<IReadOnlyList<ECDsaSecurityKey>> ListAsync(CancellationToken ct) => (await ReadAsync(PauseMin, ct)).Verifiers;

    public async ValueTask<SecurityKey?> FindAsync(string kid, CancellationToken ct)
    {
        var ring = _ring ?? await ReadAsync(PauseMin, ct);
        return ring.Find(kid) ?? (await ReadAsync(PauseMin, ct)).Find(kid);
    }

    /// <summary>Makes a key where there is none that is young enough and opens, and forgets those that nobody needs to verify by.</summary>
    public async Task RotateAsync(TimeSpan lifetime, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(ct);
        var keys = await db.SigningKeys.AsNoTracking().OrderByDescending(key => key.Kid).ToListAsync(ct);
        if (keys.Count == 0 || keys[0].CreatedAt + lifetime <= now || !CanOpen(keys[0]))
        {
            var made = Make(now);
            db.SigningKeys.Add(made);
            await db.SaveChangesAsync(ct);
            LogMade(log, made.Kid);
            keys.Insert(0, made);
        }

        // The current one and the one before stay; what is older than a lifetime past its successor has no token left.
        foreach (var old in keys.Skip(2).Where(key => key.CreatedAt + lifetime + lifetime < now))
        {
            await db.SigningKeys.Where(key => key.Kid == old.Kid).ExecuteDeleteAsync(ct);
        }

        await ReadAsync(TimeSpan.Zero, ct);
    }

    public void Dispose() => _reading.Dispose();

    private async Task<Ring> ReadAsync(TimeSpan ageMax, CancellationToken ct)
    {
        await _reading.WaitAsync(ct);
        try
        {
            if (_ring is { } known && time.GetElapsedTime(_readAt) < ageMax)
            {
                return known;
            }

            await using var db = await databases.CreateDbContextAsync(ct);
            var keys = await db.SigningKeys.AsNoTracking().OrderByDescending(key => key.Kid).ToListAsync(ct);
            var ring = new Ring(SignerOf(keys), keys.Select(VerifierOf).ToList());
            _readAt = time.GetTimestamp();
            _ring = ring;
            return ring;
        }
        finally
        {
            _reading.Release();
        }
    }

    /// <summary>The newest that all replicas know; the newest, where all are new.</summary>
    private ECDsaSecurityKey? SignerOf(List<SigningKey> keys)
    {
        var known = time.GetUtcNow() - KnownBefore;
        var usable = keys.Where(CanOpen).ToList();
        var chosen = usable.FirstOrDefault(key => key.CreatedAt <= known) ?? usable.LastOrDefault();
        if (chosen is null)
        {
            return null;
        }

        if (_ring?.Signer is { } same && same.KeyId == chosen.Kid)
        {
            return same;
        }

        // Not disposed when another takes its place: a call may be signing with it.
        var ecdsa = ECDsa.Create();
        ecdsa.ImportPkcs8PrivateKey(secrets.Open(chosen.SealedPrivateKey, chosen.Kid), out _);
        return new ECDsaSecurityKey(ecdsa) { KeyId = chosen.Kid };
    }

    private ECDsaSecurityKey VerifierOf(SigningKey key)
    {
        if (_ring?.Find(key.Kid) is { } same)
        {
            return same;
        }

        var ecdsa = ECDsa.Create();
        ecdsa.ImportSubjectPublicKeyInfo(key.PublicKey, out _);
        return new ECDsaSecurityKey(ecdsa) { KeyId = key.Kid };
    }

    private SigningKey Make(DateTimeOffset now)
    {
        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var kid = TypedId.NewValue("sig", now);
        return new SigningKey
        {
            Kid = kid,
            PublicKey = ecdsa.ExportSubjectPublicKeyInfo(),
            SealedPrivateKey = secrets.Seal(ecdsa.ExportPkcs8PrivateKey(), kid),
            CreatedAt = now,
        };
    }

    private bool CanOpen(SigningKey key)
    {
        try
        {
            secrets.Open(key.SealedPrivateKey, key.Kid);
            return true;
        }
        catch (CryptographicException lost)
        {
            LogLost(log, key.Kid, lost.Message);
            return false;
        }
    }

    [LoggerMessage(EventId = 1010, Level = LogLevel.Information, Message = "Made the signing key {Kid}")]
    private static partial void LogMade(ILogger log, string kid);

    [LoggerMessage(
        EventId = 1011, Level = LogLevel.Error, Message = "The signing key {Kid} cannot be opened, another one is used: {Reason}")]
    private static partial void LogLost(ILogger log, string kid, string reason);

    private sealed record Ring(ECDsaSecurityKey? Signer, IReadOnlyList<ECDsaSecurityKey> Verifiers)
    {
        public ECDsaSecurityKey? Find(string kid) => Verifiers.FirstOrDefault(key => key.KeyId == kid);
    }
}
