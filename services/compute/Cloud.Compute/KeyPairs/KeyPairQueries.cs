using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.KeyPairs;

internal static class KeyPairQueries
{
    public static IQueryable<KeyPair> VisibleTo(this IQueryable<KeyPair> keyPairs, Caller caller) =>
        keyPairs.Where(keyPair => keyPair.Project == caller.Project && !keyPair.Deleted);

    /// <summary>By name or id.</summary>
    /// <returns>Null where the caller's project has none such.</returns>
    public static Task<KeyPair?> FindOrDefaultAsync(this IQueryable<KeyPair> keyPairs, Caller caller, string nameOrId, CancellationToken ct)
    {
        var visible = keyPairs.VisibleTo(caller);
        return KeyPairId.TryParse(nameOrId, out var id)
            ? visible.SingleOrDefaultAsync(keyPair => keyPair.Id == id, ct)
            : visible.SingleOrDefaultAsync(keyPair => keyPair.Name == nameOrId, ct);
    }

    /// <summary>For a create that names it.</summary>
    public static async Task<KeyPair> FindNamedAsync(
        this IQueryable<KeyPair> keyPairs, Caller caller, string nameOrId, CancellationToken ct) =>
        await keyPairs.FindOrDefaultAsync(caller, nameOrId, ct)
        ?? throw CloudException.Invalid("keyPair", $"There is no key pair '{nameOrId}'.");

    public static async Task<KeyPair> FindVisibleAsync(
        this IQueryable<KeyPair> keyPairs, Caller caller, string nameOrId, CancellationToken ct) =>
        await keyPairs.FindOrDefaultAsync(caller, nameOrId, ct) ?? throw CloudException.NotFound("key pair", nameOrId);
}
