using System.Collections.Frozen;
using System.Text.Json;
using Cloud.Primitives;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>
/// Identity's keys by <c>/.well-known/jwks.json</c>, kept. They are fetched again for a key that is not known (rotation), and once in a
/// while so that one which identity no longer shows is forgotten. While identity is down the keys that are known hold.
/// </summary>
internal sealed partial class JwksClient(IHttpClientFactory clients, TimeProvider time, ILogger<JwksClient> log)
    : IVerificationKeys, IDisposable
{
    /// <summary>The name of the HTTP client, whose base address is identity's.</summary>
    public const string Client = "identity-jwks";

    public const string Path = "/.well-known/jwks.json";

    private const int KidLengthMax = 128;

    /// <summary>Bogus key ids make no more requests than this.</summary>
    private static readonly TimeSpan PauseMin = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(10);

    private readonly SemaphoreSlim _fetching = new(1, 1);
    private volatile Known _known = new(FrozenDictionary<string, SecurityKey>.Empty, null, null);

    public async ValueTask<SecurityKey?> FindAsync(string kid, CancellationToken ct)
    {
        if (kid.Length is 0 or > KidLengthMax)
        {
            return null;
        }

        var known = _known;
        if (!known.Keys.TryGetValue(kid, out var key) || IsOver(known.FetchedAt, Freshness))
        {
            known = await FetchAsync(kid, ct);
            known.Keys.TryGetValue(kid, out key);
        }

        return key is not null || known.Answered
            ? key
            : throw new CloudException(
                ErrorKind.Unavailable, "identity-unavailable", "The identity service does not answer now. Try again.")
            {
                RetryAfter = PauseMin,
            };
    }

    public void Dispose() => _fetching.Dispose();

    private async Task<Known> FetchAsync(string kid, CancellationToken ct)
    {
        await _fetching.WaitAsync(ct);
        try
        {
            var known = _known;
            var needed = !known.Keys.ContainsKey(kid) || IsOver(known.FetchedAt, Freshness);
            if (needed && IsOver(known.TriedAt, PauseMin))
            {
                _known = await TryFetchAsync(ct) ?? known with { TriedAt = time.GetTimestamp() };
            }

            return _known;
        }
        finally
        {
            _fetching.Release();
        }
    }

    private async Task<Known?> TryFetchAsync(CancellationToken ct)
    {
        try
        {
            var json = await clients.CreateClient(Client).GetStringAsync(Path, ct);

            // Nothing but what identity signs with: a symmetric key in this place would make its public text a secret.
            var keys = new JsonWebKeySet(json).Keys
                .Where(key => key is { Kty: JsonWebAlgorithmsKeyTypes.EllipticCurve, Crv: JsonWebKeyECTypes.P256, Kid.Length: > 0 })
                .ToFrozenDictionary(key => key.Kid, key => (SecurityKey)key);
            var now = time.GetTimestamp();
            return new Known(keys, now, now);
        }
        catch (Exception failed) when (failed is HttpRequestException or JsonException or ArgumentException
            || (failed is TaskCanceledException && !ct.IsCancellationRequested))
        {
            LogFailed(log, failed.Message);
            return null;
        }
    }

    private bool IsOver(long? since, TimeSpan age) => since is not { } start || time.GetElapsedTime(start) >= age;

    [LoggerMessage(EventId = 120, Level = LogLevel.Warning, Message = "Identity's keys cannot be fetched: {Reason}")]
    private static partial void LogFailed(ILogger log, string reason);

    /// <summary>The keys, and when they were fetched and last tried (timestamps).</summary>
    private sealed record Known(FrozenDictionary<string, SecurityKey> Keys, long? FetchedAt, long? TriedAt)
    {
        /// <summary>The last try brought an answer.</summary>
        public bool Answered => FetchedAt is not null && FetchedAt == TriedAt;
    }
}
