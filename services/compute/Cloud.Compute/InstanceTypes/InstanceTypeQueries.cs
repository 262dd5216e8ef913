using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceTypes;

internal static class InstanceTypeQueries
{
    /// <summary>By name or id.</summary>
    public static Task<InstanceType?> FindOrDefaultAsync(this IQueryable<InstanceType> types, string nameOrId, CancellationToken ct) =>
        TypedId.TryParse<InstanceTypeId>(nameOrId, out var id)
            ? types.SingleOrDefaultAsync(type => type.Id == id, ct)
            : types.SingleOrDefaultAsync(type => type.Name == nameOrId, ct);

    /// <summary>For a request that names it.</summary>
    /// <exception cref="CloudException">There is no such type; the field is <c>type</c>.</exception>
    public static async Task<InstanceType> FindNamedAsync(this IQueryable<InstanceType> types, string nameOrId, CancellationToken ct) =>
        await types.FindOrDefaultAsync(nameOrId, ct) ?? throw CloudException.Invalid("type", $"There is no instance type '{nameOrId}'.");
}
