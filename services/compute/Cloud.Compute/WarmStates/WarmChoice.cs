using Cloud.Compute.Images;
using Cloud.Compute.InstanceTypes;
using Cloud.Compute.Placement;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.WarmStates;

/// <summary>Whether an instance that is made now goes on from a warm state.</summary>
/// <param name="State">Which; null where it boots.</param>
/// <param name="Host">Where that is.</param>
/// <param name="Reason">Why, or why not; null where its image has no warm state.</param>
internal sealed record WarmChoice(WarmState? State, HostVerdict? Host, string? Reason)
{
    public static readonly WarmChoice None = new(null, null, null);

    /// <param name="states">All there are.</param>
    /// <param name="image">What it is made of.</param>
    /// <param name="type">What it has.</param>
    /// <param name="hasVolumes">It has volumes from the beginning: a machine's warm state has none.</param>
    /// <param name="verdicts">The hosts that it could be on, the best first.</param>
    /// <param name="ct">Ends it.</param>
    public static async Task<WarmChoice> OfAsync(
        IQueryable<WarmState> states, Image image, InstanceType type, bool hasVolumes, IEnumerable<HostVerdict> verdicts,
        CancellationToken ct)
    {
        var all = await states.AsNoTracking().Where(state => state.Image == image.Id).OrderBy(state => state.Id).ToListAsync(ct);
        if (all.Count == 0)
        {
            return None;
        }

        if (hasVolumes)
        {
            return new WarmChoice(null, null, "It boots: an instance that has volumes from the beginning goes on from no warm image.");
        }

        foreach (var host in verdicts.Where(verdict => verdict.Refused is null))
        {
            if (all.Find(state => state.Fits(image, type, host)) is { } state)
            {
                return new WarmChoice(
                    state, host, $"It goes on from image '{image.Name}' as it was kept after its boot, for type '{type.Name}'.");
            }
        }

        var has = all.Select(state => state.Status == WarmStateStatus.Active
            ? $"{state.Type} by {state.Engine} on {state.HostName}"
            : $"{state.Type} by {state.Engine} on {state.HostName}, which is {ServiceDefaults.EnumWords.Of(state.Status)}");
        return new WarmChoice(null, null, $"It boots: image '{image.Name}' is warm for {string.Join("; ", has)}.");
    }
}
