using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Compute.InstanceTypes;
using Cloud.Compute.Persistence;
using Cloud.Compute.Placement;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.WarmStates;

/// <summary>The body of <c>POST /v1/images/{id}/warm</c>.</summary>
public sealed record WarmImageRequest
{
    /// <summary>The name or id of the instance type: processors, memory and disk are part of what is kept.</summary>
    public string Type { get; init; } = "nano";

    /// <summary><c>auto</c> takes the fastest that works on each host, as a create does.</summary>
    public string Engine { get; init; } = "auto";
}

/// <summary>
/// Has every host that has room boot a machine of the image and keep what it is then. What is warm already stays, what failed is tried
/// again.
/// </summary>
internal static class WarmImage
{
    public static async Task<IResult> HandleAsync(
        string id, WarmImageRequest? request, Caller caller, WaitQuery wait, ComputeDbContext db, HostDirectory hosts,
        WarmStateWaiter waiter, TimeProvider time, CancellationToken ct)
    {
        request ??= new WarmImageRequest();
        var errors = new FieldErrors();
        errors.Require(
            request.Engine is "auto" or "emulation" or "hardware" or "simulation", "engine",
            "Expected auto, simulation, emulation or hardware.");
        errors.ThrowIfAny();
        var image = await db.Images.AsNoTracking().FindVisibleAsync(caller, id, ct);
        RequireWarmable(image, caller);
        var type = await db.InstanceTypes.AsNoTracking().FindNamedAsync(request.Type, ct);
        var states = await BeginAsync(image, type, request.Engine, db, hosts, time, ct);
        var settled = await Task.WhenAll(states.Select(state => waiter.WaitAsync(state, wait, ct)));
        var isWarming = settled.Any(state => state.Status == WarmStateStatus.Warming);
        return TypedResults.Json(
            new Page<WarmStateView>(settled.Select(WarmStateView.From).ToList(), null),
            statusCode: isWarming ? StatusCodes.Status202Accepted : StatusCodes.Status200OK);
    }

    /// <summary>Every project's instances go on from what the cloud's own images were: those are an admin's to warm.</summary>
    public static void RequireOwn(Image image, Caller caller)
    {
        if (image.Project is null && caller.Role < Role.Admin)
        {
            throw CloudException.Conflict("built-in", $"Image '{image.Name}' is the cloud's own: an admin warms it.");
        }
    }

    private static void RequireWarmable(Image image, Caller caller)
    {
        RequireOwn(image, caller);
        if (image.IsContainer)
        {
            throw CloudException.Conflict("engine-keeps-no-states", "A container has no boot to be kept.");
        }

        if (image.Status is not (ImageStatus.Active or ImageStatus.Building or ImageStatus.Importing))
        {
            throw CloudException.Conflict("image-unusable", $"Image '{image.Name}' failed: {image.StatusReason}");
        }

        if (image is { Status: ImageStatus.Active, GuestAgent: false })
        {
            throw CloudException.Conflict(
                "no-guest-agent", $"Image '{image.Name}' has no guest agent, without which a copy keeps the secrets of the first.");
        }
    }

    private static async Task<IReadOnlyList<WarmState>> BeginAsync(
        Image image, InstanceType type, string engine, ComputeDbContext db, HostDirectory hosts, TimeProvider time, CancellationToken ct)
    {
        await using var turn = await db.BeginPlacementAsync(ct);
        var placement = new PlacementRequest(
            image.Architecture, engine, type.Vcpus, type.MemoryBytes, new Labels(new Dictionary<string, string>()));
        var verdicts = await hosts.JudgeAsync(db, placement, ct);
        var there = await db.WarmStates.Where(state => state.Image == image.Id && state.Type == type.Name).ToListAsync(ct);
        var states = new List<WarmState>();
        foreach (var host in verdicts.Where(verdict => verdict.Refused is null))
        {
            var before = there.Find(state => state.HostName == host.Host && state.Engine == host.Engine);
            if (before is { Status: WarmStateStatus.Active or WarmStateStatus.Warming })
            {
                states.Add(before);
                continue;
            }

            var state = WarmState.Create(TypedId.New<WarmStateId>(time), image, type, host, time.GetUtcNow());
            db.ReplaceWarmState(before, state);
            states.Add(state);
        }

        if (states.Count == 0)
        {
            throw CloudException.Conflict(
                "no-capacity",
                "No host can boot it: " + string.Join(" ", verdicts.Select(verdict => $"{verdict.Host}: {verdict.Refused}")));
        }

        if (!await db.SaveIfThereAsync(ct))
        {
            throw CloudException.Conflict("image-busy", $"Image '{image.Name}' is made warm or cold at this moment: ask again.");
        }

        await turn.CommitAsync(ct);
        return states;
    }
}
