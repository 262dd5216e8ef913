using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.SigningKeys;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Tokens;

/// <summary>
/// Looks tokens up, and keeps each answer for a moment: calls come in bursts, and a revoked token must be refused everywhere within a
/// second, of which the gateway's own memory takes half. Answers are kept by the token's hash, not by the token.
/// </summary>
internal sealed class TokenExchange(
    IDbContextFactory<IdentityDbContext> databases, JwtSigner signer, LastUses uses, TimeProvider time)
    : ITokenExchange
{
    /// <summary>The oldest answer that is given without asking the database.</summary>
    internal static readonly TimeSpan AgeMax = TimeSpan.FromMilliseconds(400);

    private const int CountMax = 10_000;

    private readonly ConcurrentDictionary<Key, Entry> _entries = new();

    /// <summary>Grows when rights have changed: what was being looked up meanwhile is not kept.</summary>
    private long _era;

    public async Task<ExchangedToken?> ExchangeAsync(string apiToken, string? project, CancellationToken ct)
    {
        if (!TokenText.HasForm(apiToken))
        {
            return null;
        }

        var key = new Key(MemoryMarshal.Read<UInt128>(TokenText.HashOf(apiToken)), project);
        _entries.TryGetValue(key, out var known);
        if (known is not null && IsFresh(known))
        {
            return await known.Answer.WaitAsync(ct);
        }

        if (!TokenText.TryReadId(apiToken, out var id))
        {
            return null;
        }

        // Of those who come at once one asks; the others wait for its answer, which nobody's leaving takes from them.
        var answer = new TaskCompletionSource<ExchangedToken?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var asking = new Entry(time.GetTimestamp(), Interlocked.Read(ref _era), answer.Task);
        var entry = _entries.AddOrUpdate(key, asking, (_, other) => IsFresh(other) ? other : asking);
        if (entry == asking)
        {
            await AskAsync(key, asking, id, apiToken, known, answer);
        }

        return await entry.Answer.WaitAsync(ct);
    }

    /// <summary>Rights have changed: from now on every token is looked up again.</summary>
    public void Forget() => Interlocked.Increment(ref _era);

    private bool IsFresh(Entry entry) => time.GetElapsedTime(entry.AskedAt) < AgeMax && entry.Era == Interlocked.Read(ref _era);

    private async Task AskAsync(
        Key key, Entry asking, TokenId id, string apiToken, Entry? known, TaskCompletionSource<ExchangedToken?> answer)
    {
        MakeRoom();
        try
        {
            var found = await LookUpAsync(id, TokenText.HashOf(apiToken), key.Project, CancellationToken.None);
            var before = known is { Answer.IsCompletedSuccessfully: true } ? known.Answer.Result : null;
            answer.SetResult(found is null ? null : signer.Sign(found, before));
            if (found is null)
            {
                // One that is made the next moment is known the next moment.
                _entries.TryRemove(new(key, asking));
                return;
            }

            uses.TokenUsed(id);
        }
        catch (Exception failed)
        {
            _entries.TryRemove(new(key, asking));
            answer.SetException(failed);
        }
    }

    private async Task<TokenGrant?> LookUpAsync(TokenId id, byte[] hash, string? asked, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var found = await (
            from token in db.Tokens.AsNoTracking()
            join user in db.Users on token.User equals user.Id
            join project in db.Projects on token.Project equals project.Id
            from member in db.Members.Where(row => row.Project == token.Project && row.User == token.User && !row.Removed).DefaultIfEmpty()
            where token.Id == id && user.Status == UserStatus.Active && project.Status == ProjectStatus.Active
            select new { Token = token, user.IsAdmin, ProjectName = project.Name, MemberRole = (Role?)member.Role })
            .SingleOrDefaultAsync(ct);
        var now = time.GetUtcNow();
        if (found is null || !CryptographicOperations.FixedTimeEquals(hash, found.Token.Hash)
            || found.Token.StatusAt(now) != TokenStatus.Active
            || (found.IsAdmin ? Role.Admin : found.MemberRole) is not { } most)
        {
            return null;
        }

        var role = found.Token.Role < most ? found.Token.Role : most;
        var grant = new TokenGrant(
            found.Token.User, id, found.Token.Project, found.ProjectName, role, found.Token.Scopes, found.Token.ExpiresAt);
        return asked is null || asked == grant.ProjectName || asked == grant.Project.Value
            ? grant
            : await ElsewhereAsync(grant, asked, db, ct);
    }

    private static async Task<TokenGrant> ElsewhereAsync(TokenGrant grant, string asked, IdentityDbContext db, CancellationToken ct)
    {
        var project = grant.Role == Role.Admin ? await db.Projects.AsNoTracking().Existing().FindOrDefaultAsync(asked, ct) : null;
        return project is null
            ? throw CloudException.NotFound("project", asked)
            : grant with { Project = project.Id, ProjectName = project.Name };
    }

    private void MakeRoom()
    {
        if (_entries.Count < CountMax)
        {
            return;
        }

        foreach (var (key, entry) in _entries)
        {
            if (!IsFresh(entry))
            {
                _entries.TryRemove(key, out _);
            }
        }

        if (_entries.Count >= CountMax)
        {
            _entries.Clear();
        }
    }

    /// <param name="Token">Half of the SHA-256: two tokens with the same half are not to be found.</param>
    /// <param name="Project">As asked for.</param>
    private readonly record struct Key(UInt128 Token, string? Project);

    private sealed record Entry(long AskedAt, long Era, Task<ExchangedToken?> Answer);
}

/// <summary>What the database says that a token allows now.</summary>
internal sealed record TokenGrant(
    UserId User, TokenId Token, ProjectId Project, string ProjectName, Role Role, IReadOnlyList<string> Scopes, DateTimeOffset? ExpiresAt);
