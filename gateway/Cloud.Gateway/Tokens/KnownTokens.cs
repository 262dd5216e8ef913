using System.Collections.Concurrent;
using Cloud.Gateway.Limits;
using Cloud.Identity.Contracts;

namespace Cloud.Gateway.Tokens;

/// <summary>
/// Asks identity who stands behind a token, at most twice a second for each: a token that was revoked is refused everywhere within a
/// second, also where the news of it does not arrive.
/// </summary>
internal sealed class KnownTokens(ITokenExchange exchange, CallLimits limits, TimeProvider time)
{
    private const int CountMax = 10_000;
    private static readonly TimeSpan Freshness = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan UnusedKept = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<TokenAsked, Entry> _entries = new();
    private readonly ConcurrentDictionary<string, CancellationTokenSource> _revocations = new(StringComparer.Ordinal);

    /// <summary>What is known and fresh enough; null where identity must be asked.</summary>
    public CallerPrincipal? Find(in TokenAsked asked)
    {
        if (_entries.TryGetValue(asked, out var entry) && entry.Answer is { Principal: { } principal } answer && IsFresh(answer, principal))
        {
            return principal;
        }

        return null;
    }

    /// <summary>It was never asked for, or was not valid when it was.</summary>
    public bool IsUnknown(in TokenAsked asked) => !_entries.TryGetValue(asked, out var entry) || entry.Answer is null;

    /// <summary>Asks identity, once for all calls that ask the same at the same time.</summary>
    /// <returns>Null for a token that is not valid.</returns>
    /// <exception cref="Primitives.CloudException">There is no such project, or identity does not answer.</exception>
    public async Task<CallerPrincipal?> AskAsync(TokenAsked asked, CancellationToken ct)
    {
        MakeRoom();
        var entry = _entries.GetOrAdd(asked, _ => new Entry());
        await entry.Asking.WaitAsync(ct);
        try
        {
            if (entry.Answer is { Principal: { } fresh } known && IsFresh(known, fresh))
            {
                return fresh;
            }

            var askedAt = time.GetTimestamp();
            var exchanged = await exchange.ExchangeAsync(asked.Token, asked.Project, ct);
            if (exchanged is null || _revocations.GetValueOrDefault(exchanged.Token)?.IsCancellationRequested == true)
            {
                _entries.TryRemove(asked, out _);
                return null;
            }

            var revocation = _revocations.GetOrAdd(exchanged.Token, _ => new CancellationTokenSource());
            var principal = new CallerPrincipal(new KnownToken(exchanged, limits.OfToken(exchanged.Token), revocation.Token));
            entry.Answer = new Answer(principal, askedAt);
            return principal;
        }
        finally
        {
            entry.Asking.Release();
        }
    }

    /// <summary>From now on a token of this id is refused, and what it keeps open ends.</summary>
    public void Revoke(string tokenId)
    {
        _revocations.GetOrAdd(tokenId, _ => new CancellationTokenSource()).Cancel();
        foreach (var (asked, entry) in _entries)
        {
            if (entry.Answer?.Principal.Token.Caller.Token == tokenId)
            {
                _entries.TryRemove(asked, out _);
            }
        }
    }

    private bool IsFresh(Answer answer, CallerPrincipal principal) =>
        time.GetElapsedTime(answer.At) < Freshness && !principal.Token.Revoked.IsCancellationRequested
        && (principal.Token.ExpiresAt is not { } end || time.GetUtcNow() < end);

    /// <summary>Forgets what nobody has used for a while; all, where that is not enough.</summary>
    private void MakeRoom()
    {
        if (_entries.Count < CountMax && _revocations.Count < CountMax)
        {
            return;
        }

        foreach (var (asked, entry) in _entries)
        {
            if (entry.Answer is not { } answer || time.GetElapsedTime(answer.At) > UnusedKept)
            {
                _entries.TryRemove(asked, out _);
            }
        }

        if (_entries.Count >= CountMax)
        {
            _entries.Clear();
        }

        _revocations.Clear();
    }

    private sealed class Entry
    {
        public SemaphoreSlim Asking { get; } = new(1, 1);

        public volatile Answer? Answer;
    }

    private sealed record Answer(CallerPrincipal Principal, long At);
}
