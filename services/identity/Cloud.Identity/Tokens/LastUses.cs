using System.Collections.Concurrent;
using Cloud.Identity.AccessKeys;
using Cloud.Identity.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.Identity.Tokens;

/// <summary>When tokens and access keys were last used, until it is written.</summary>
internal sealed class LastUses(TimeProvider time)
{
    private readonly ConcurrentDictionary<TokenId, DateTimeOffset> _tokens = new();
    private readonly ConcurrentDictionary<AccessKeyId, DateTimeOffset> _accessKeys = new();

    public void TokenUsed(TokenId id) => _tokens[id] = time.GetUtcNow();

    public void AccessKeyUsed(AccessKeyId id) => _accessKeys[id] = time.GetUtcNow();

    public IReadOnlyList<KeyValuePair<TokenId, DateTimeOffset>> TakeTokens() => Take(_tokens);

    public IReadOnlyList<KeyValuePair<AccessKeyId, DateTimeOffset>> TakeAccessKeys() => Take(_accessKeys);

    private static List<KeyValuePair<TId, DateTimeOffset>> Take<TId>(ConcurrentDictionary<TId, DateTimeOffset> uses)
        where TId : notnull =>
        uses.ToArray().Where(use => uses.TryRemove(use)).ToList();
}

/// <summary>
/// Writes last uses in bunches, each at most once in <see cref="IdentityOptions.LastUseEvery"/>, over all replicas: a use that is written
/// less long ago is left as it is. Past the rows' versions, as it changes nothing that anybody set.
/// </summary>
internal sealed class LastUseWriter(LastUses uses, IDbContextFactory<IdentityDbContext> databases, IOptions<IdentityOptions> options)
    : IReconciler
{
    public async Task ReconcileAsync(CancellationToken ct)
    {
        var tokens = uses.TakeTokens();
        var accessKeys = uses.TakeAccessKeys();
        if (tokens.Count + accessKeys.Count == 0)
        {
            return;
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        foreach (var (id, at) in tokens)
        {
            var before = at - options.Value.LastUseEvery;
            var due = db.Tokens.Where(token => token.Id == id && (token.LastUsedAt == null || token.LastUsedAt <= before));
            if (await due.AnyAsync(ct))
            {
                await due.ExecuteUpdateAsync(update => update.SetProperty(token => token.LastUsedAt, at), ct);
            }
        }

        foreach (var (id, at) in accessKeys)
        {
            var before = at - options.Value.LastUseEvery;
            var due = db.AccessKeys.Where(key => key.Id == id && (key.LastUsedAt == null || key.LastUsedAt <= before));
            if (await due.AnyAsync(ct))
            {
                await due.ExecuteUpdateAsync(update => update.SetProperty(key => key.LastUsedAt, at), ct);
            }
        }
    }
}
