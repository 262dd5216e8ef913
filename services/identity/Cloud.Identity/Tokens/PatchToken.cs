using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Identity.Tokens;

/// <summary>The body of <c>PATCH /v1/tokens/{id}</c>: a merge patch. What a token may is never changed: make another one.</summary>
public sealed record PatchTokenRequest
{
    public string? Name { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }
}

internal static class PatchToken
{
    public static async Task<IResult> HandleAsync(
        string id,
        MergePatch<PatchTokenRequest> patch,
        Caller caller,
        IfMatch ifMatch,
        HttpContext context,
        IdentityDbContext db,
        TimeProvider time,
        CancellationToken ct)
    {
        var token = await db.Tokens.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(token.Version);
        var now = time.GetUtcNow();
        var fields = patch.Fields;
        if (patch.Has(nameof(fields.Name)))
        {
            token.Rename(ResourceName.Require(fields.Name, "name"), now);
        }

        if (patch.Has(nameof(fields.Labels)))
        {
            token.Relabel(LabelPatch.Apply(token.Labels, fields.Labels), now);
        }

        db.AddResourceEvent("token.changed", token.Project.Value, token.Id.Value, TokenView.From(token, now));
        await db.SaveNewAsync("token", token.Name, ct);
        return ResourceResults.Ok(context, TokenView.From(token, now), token.Version);
    }
}
