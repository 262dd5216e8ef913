using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.WarmStates;

/// <summary>
/// Makes anew the warm states of images that were built anew, and those that their hosts have lost; those of images that are gone go.
/// </summary>
internal sealed class WarmStateKeeper(IDbContextFactory<ComputeDbContext> databases, HostDirectory hosts, TimeProvider time) : IReconciler
{
    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var states = await db.WarmStates.Where(state => state.Status != WarmStateStatus.Warming).ToListAsync(ct);
        if (states.Count == 0)
        {
            return;
        }

        var kept = await ListKeptAsync(states, ct);
        foreach (var state in states)
        {
            var image = await db.Images.AsNoTracking().SingleOrDefaultAsync(row => row.Id == state.Image, ct);
            if (image is null or { Status: ImageStatus.Deleted or ImageStatus.Deleting })
            {
                db.WarmStates.Remove(state);
            }
            else if (IsPast(state, image, kept)
                && await db.InstanceTypes.AsNoTracking().SingleOrDefaultAsync(type => type.Name == state.Type, ct) is { } type)
            {
                db.ReplaceWarmState(state, state.Anew(TypedId.New<WarmStateId>(time), type.RootDiskBytes, time.GetUtcNow()));
            }
        }

        await db.SaveIfThereAsync(ct);
    }

    private static bool IsPast(WarmState state, Image image, Dictionary<string, HashSet<string>> kept) =>
        image.Status == ImageStatus.Active && state.Status switch
        {
            WarmStateStatus.Stale => true,
            WarmStateStatus.Active => state.Files?.Folder != image.Folder
                || (kept.TryGetValue(state.HostName, out var snapshots) && !snapshots.Contains(state.Snapshot)),
            _ => false,
        };

    /// <summary>By the names of the hosts that answer.</summary>
    private async Task<Dictionary<string, HashSet<string>>> ListKeptAsync(IReadOnlyList<WarmState> states, CancellationToken ct)
    {
        var kept = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        foreach (var (name, agent) in hosts.Known.Where(host => states.Any(state => state.HostName == host.Name)))
        {
            try
            {
                kept[name] = (await agent.ListGuestSnapshotsAsync(ct)).Select(snapshot => snapshot.Id).ToHashSet(StringComparer.Ordinal);
            }
            catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
            {
                // What it has is seen when it answers again.
            }
        }

        return kept;
    }
}
