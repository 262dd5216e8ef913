using System.Collections.Concurrent;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>
/// Verified tokens until they expire, so that not every call pays for a signature; and the ids of tokens that were revoked, which are
/// refused whatever their signature says.
/// </summary>
internal sealed class VerifiedTokens(JwtVerifier verifier, TimeProvider time)
{
    private const int CountMax = 20_000;

    /// <summary>Longer than any token between services lives.</summary>
    private static readonly TimeSpan RevokedKept = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, DateTimeOffset> _revoked = new(StringComparer.Ordinal);

    /// <returns>Null where the token is not valid.</returns>
    public ValueTask<AuthenticateResult?> FindAsync(string token, CancellationToken ct) =>
        _entries.TryGetValue(token, out var entry) && entry.ExpiresAt > time.GetUtcNow()
            ? ValueTask.FromResult(_revoked.ContainsKey(entry.TokenId) ? null : entry.Result)
            : VerifyAsync(token, ct);

    /// <summary>From now on a token of this id is refused.</summary>
    public void Revoke(string tokenId)
    {
        var now = time.GetUtcNow();
        foreach (var (id, at) in _revoked)
        {
            if (at < now - RevokedKept)
            {
                _revoked.TryRemove(id, out _);
            }
        }

        _revoked[tokenId] = now;
    }

    private async ValueTask<AuthenticateResult?> VerifyAsync(string token, CancellationToken ct)
    {
        _entries.TryRemove(token, out _);
        if (await verifier.VerifyAsync(token, ct) is not { } verified || _revoked.ContainsKey(verified.Caller.Token))
        {
            return null;
        }

        var principal = new ClaimsPrincipal(verified.Caller.ToIdentity(AuthSchemes.Caller));
        var result = AuthenticateResult.Success(new AuthenticationTicket(principal, AuthSchemes.Caller));
        MakeRoom();
        _entries[token] = new Entry(result, verified.Caller.Token, verified.ExpiresAt);
        return result;
    }

    /// <summary>Drops what has expired; all, where that is not enough.</summary>
    private void MakeRoom()
    {
        if (_entries.Count < CountMax)
        {
            return;
        }

        var now = time.GetUtcNow();
        foreach (var (token, entry) in _entries)
        {
            if (entry.ExpiresAt <= now)
            {
                _entries.TryRemove(token, out _);
            }
        }

        if (_entries.Count >= CountMax)
        {
            _entries.Clear();
        }
    }

    private sealed record Entry(AuthenticateResult Result, string TokenId, DateTimeOffset ExpiresAt);
}
