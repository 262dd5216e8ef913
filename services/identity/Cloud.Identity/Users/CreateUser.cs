using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Identity.Users;

/// <summary>The body of <c>POST /v1/users</c>.</summary>
public sealed record CreateUserRequest
{
    /// <summary>Unique in the cloud.</summary>
    public required string Name { get; init; }

    /// <summary>May have tokens of the role admin.</summary>
    public bool Admin { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

internal static class CreateUser
{
    public static async Task<IResult> HandleAsync(
        CreateUserRequest request, HttpContext context, IdentityDbContext db, TimeProvider time, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        errors.ThrowIfAny();

        var labels = new Labels(request.Labels ?? new Dictionary<string, string>());
        var user = User.Create(TypedId.New<UserId>(time), request.Name, request.Admin, labels, time.GetUtcNow());
        db.Users.Add(user);
        db.AddResourceEvent("user.created", "", user.Id.Value, UserView.From(user));
        await db.SaveNewAsync("user", request.Name, ct);
        return ResourceResults.Created(context, $"/v1/users/{user.Id}", UserView.From(user), user.Version);
    }
}
