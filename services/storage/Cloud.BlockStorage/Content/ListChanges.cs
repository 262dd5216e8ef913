using System.Globalization;
using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Content;

/// <summary>Bytes that lie together, in whole blocks of 64 KiB.</summary>
public sealed record ChangedExtent(long Offset, long LengthBytes);

/// <summary>
/// <c>GET /v1/snapshots/{id}/changes?since=snap-…</c>: where a snapshot may differ from another of the same volume; without
/// <c>since</c>, what was ever written. The rest is equal, or zero.
/// </summary>
internal static class ListChanges
{
    public static async Task<Page<ChangedExtent>> HandleAsync(
        string id, string? since, Caller caller, ListQuery list, HttpContext context, BlockStorageDbContext db, IVolumeHosts hosts,
        CancellationToken ct)
    {
        var snapshot = await db.Snapshots.AsNoTracking().FindVisibleAsync(caller, id, ct);
        snapshot.RequireAvailable();
        var older = since is null
            ? null
            : await db.Snapshots.AsNoTracking().FindOrDefaultAsync(caller, since, ct)
                ?? throw CloudException.Invalid("since", $"There is no snapshot '{since}'.");
        if (older is not null && older.HostName != snapshot.HostName)
        {
            throw CloudException.Invalid("since", "The two snapshots lie on different hosts.");
        }

        older?.RequireAvailable();
        var page = await hosts.ListExtentsAsync(
            snapshot.HostName, snapshot.Id.Value, older?.Id.Value, Start(list.After), list.Limit + 1, ct);
        return list.ToPage(
            context, page.Extents, extent => (extent.Offset + extent.LengthBytes).ToString(CultureInfo.InvariantCulture),
            extent => new ChangedExtent(extent.Offset, extent.LengthBytes));
    }

    private static long Start(string? after) => after is null
        ? 0
        : long.TryParse(after, NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
            ? offset
            : throw CloudException.Invalid("cursor", "This is not a cursor that a list gave out.");
}
