using Cloud.Identity.Persistence;
using Cloud.Identity.Tokens;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Identity.Users;

/// <summary>The body of <c>PATCH /v1/users/{id}</c>: a merge patch.</summary>
public sealed record PatchUserRequest
{
    public string? Name { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }

    public bool? Admin { get; init; }

    /// <summary><c>active</c> or <c>disabled</c>.</summary>
    public UserStatus? Status { get; init; }
}

internal static class PatchUser
{
    public static async Task<IResult> HandleAsync(
        string id,
        MergePatch<PatchUserRequest> patch,
        Caller caller,
        IfMatch ifMatch,
        HttpContext context,
        IdentityDbContext db,
        TokenExchange exchange,
        TimeProvider time,
        CancellationToken ct)
    {
        await using var transaction = await db.BeginGuardedAsync(ct);
        var user = await db.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(user.Version);
        await ApplyAsync(patch, user, db, time.GetUtcNow(), ct);
        db.AddResourceEvent("user.changed", "", user.Id.Value, UserView.From(user));
        await db.SaveNewAsync("user", user.Name, ct);
        await transaction.CommitAsync(ct);
        exchange.Forget();
        return ResourceResults.Ok(context, UserView.From(user), user.Version);
    }

    private static async Task ApplyAsync(
        MergePatch<PatchUserRequest> patch, User user, IdentityDbContext db, DateTimeOffset now, CancellationToken ct)
    {
        var fields = patch.Fields;
        if (patch.Has(nameof(fields.Name)))
        {
            user.Rename(ResourceName.Require(fields.Name, "name"), now);
        }

        if (patch.Has(nameof(fields.Labels)))
        {
            user.Relabel(LabelPatch.Apply(user.Labels, fields.Labels), now);
        }

        if (patch.Has(nameof(fields.Admin)))
        {
            var admin = fields.Admin ?? false;
            if (!admin)
            {
                await db.Users.RequireOtherAdminAsync(user, ct);
            }

            user.BecomesAdmin(admin, now);
        }

        if (patch.Has(nameof(fields.Status)))
        {
            var status = fields.Status ?? UserStatus.Active;
            if (status == UserStatus.Deleted)
            {
                throw CloudException.Invalid("status", "Expected active or disabled.");
            }

            if (status == UserStatus.Disabled)
            {
                await db.Users.RequireOtherAdminAsync(user, ct);
            }

            user.Enable(status == UserStatus.Active, now);
        }
    }
}
