using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;

namespace Cloud.Compute.KeyPairs;

/// <summary>The body of <c>POST /v1/key-pairs</c>.</summary>
public sealed record CreateKeyPairRequest
{
    public required string Name { get; init; }

    /// <summary>One line of OpenSSH's form; left out, a pair is made and the answer carries the private key, once.</summary>
    public string? PublicKey { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

internal static class CreateKeyPair
{
    public static async Task<IResult> HandleAsync(
        CreateKeyPairRequest request, Caller caller, HttpContext context, ComputeDbContext db, TimeProvider time, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        PublicKey? key = null;
        errors.Require(
            request.PublicKey is null || PublicKey.TryParse(request.PublicKey, out key), "publicKey", $"Expected {PublicKey.Form}.");
        errors.ThrowIfAny();

        string? privateKey = null;
        if (key is null)
        {
            (key, privateKey) = KeyPairMaker.Make(request.Name);
        }

        var keyPair = KeyPair.Create(
            TypedId.New<KeyPairId>(time), caller.Project, request.Name, key, new Labels(request.Labels ?? new Dictionary<string, string>()),
            time.GetUtcNow());
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await db.Quotas().ReserveAsync(caller.Project, "keyPairs", 1, ct);
        db.KeyPairs.Add(keyPair);
        db.AddResourceEvent("key-pair.created", keyPair.Project, keyPair.Id.Value, KeyPairView.From(keyPair));
        await db.SaveNewAsync("key pair", request.Name, ct);
        await transaction.CommitAsync(ct);
        return ResourceResults.Created(context, $"/v1/key-pairs/{keyPair.Id}", KeyPairView.From(keyPair, privateKey), keyPair.Version);
    }
}
