using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;

namespace Cloud.Identity.Tokens;

/// <summary>The body of <c>POST /v1/tokens</c>.</summary>
public sealed record CreateTokenRequest
{
    /// <summary>Unique among the project's tokens.</summary>
    public required string Name { get; init; }

    /// <summary><c>viewer</c>, <c>editor</c>, <c>owner</c> or <c>admin</c>: at most the caller's own, and the user's.</summary>
    public required Role Role { get; init; }

    /// <summary>The name or id of the member whose token it is; left out, the caller's.</summary>
    public string? User { get; init; }

    /// <summary>
    /// What it is limited to: <c>read</c>, a service such as <c>compute</c>, or <c>compute:read</c>. Left out or empty: nothing.
    /// </summary>
    public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>When it ends; left out, never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>In how many seconds it ends, instead of <c>expiresAt</c>.</summary>
    public long? ExpiresIn { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

internal static class CreateToken
{
    private const int ScopesMax = 20;

    public static async Task<IResult> HandleAsync(
        CreateTokenRequest request, Caller caller, HttpContext context, IdentityDbContext db, TimeProvider time, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var expiresAt = Check(request, now);
        var scopes = (request.Scopes ?? []).Distinct(StringComparer.Ordinal).ToList();
        RequireWithin(request.Role, scopes, caller);

        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var project = ProjectId.FromValue(caller.Project);
        var user = await db.FindHolderAsync(request.User, request.Role, caller, ct);
        var id = TypedId.New<TokenId>(time);
        var text = TokenText.New(id);
        var token = ApiToken.Create(
            new NewToken
            {
                Id = id,
                Project = project,
                User = user,
                Name = request.Name,
                Labels = new Labels(request.Labels ?? new Dictionary<string, string>()),
                Role = request.Role,
                Scopes = scopes,
                CreatedBy = UserId.FromValue(caller.Subject),
                ExpiresAt = expiresAt,
            },
            text,
            now);
        await db.Quotas().ReserveAsync(caller.Project, "tokens", 1, ct);
        db.Tokens.Add(token);
        db.AddResourceEvent("token.created", caller.Project, id.Value, TokenView.From(token, now));
        await db.SaveNewAsync("token", request.Name, ct);
        await transaction.CommitAsync(ct);
        return ResourceResults.Created(context, $"/v1/tokens/{id}", TokenView.From(token, now, text), token.Version);
    }

    private static DateTimeOffset? Check(CreateTokenRequest request, DateTimeOffset now)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        var scopes = request.Scopes ?? [];
        errors.Require(scopes.Count <= ScopesMax, "scopes", $"At most {ScopesMax}.");
        for (var at = 0; at < Math.Min(scopes.Count, ScopesMax); at++)
        {
            errors.Require(TokenScopes.IsValid(scopes[at]), $"scopes[{at}]", $"Expected {TokenScopes.Form}.");
        }

        var expiresAt = Expiry.Of(request.ExpiresAt, request.ExpiresIn, now, errors);
        errors.ThrowIfAny();
        return expiresAt;
    }

    /// <summary>Nobody makes a token that may more than the one in use.</summary>
    private static void RequireWithin(Role role, List<string> scopes, Caller caller)
    {
        if (role > caller.Role)
        {
            throw new CloudException(
                ErrorKind.Forbidden,
                "role-too-high",
                $"A token with the role '{EnumWords.Of(caller.Role)}' makes none with '{EnumWords.Of(role)}'.");
        }

        if (!TokenScopes.Cover(caller.Scopes, scopes))
        {
            throw new CloudException(
                ErrorKind.Forbidden,
                "scope-too-wide",
                $"A token that is limited to {string.Join(", ", caller.Scopes)} makes none that may more: name scopes within these.");
        }
    }
}
