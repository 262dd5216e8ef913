using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.InstanceSnapshots;
using Cloud.Compute.Persistence;
using Cloud.Compute.Placement;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>The body of <c>POST /v1/instances/{id}/fork</c>.</summary>
public sealed record ForkInstanceRequest
{
    /// <summary>How many, 1 to 100.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Their names are this with <c>-1</c>, <c>-2</c>, … behind it; null takes the instance's name.</summary>
    public string? NamePrefix { get; init; }
}

/// <summary>The instances that came of a fork.</summary>
public sealed record ForkedInstances(IReadOnlyList<InstanceView> Items);

/// <summary>
/// Makes running instances that go on from what this one is now. Each copies memory and disk only as it writes, and gets an identity of its
/// own before it is said to run; this one goes on undisturbed.
/// </summary>
internal static class ForkInstance
{
    private const int CountMax = 100;

    public static async Task<IResult> HandleAsync(
        string id, ForkInstanceRequest? request, Caller caller, WaitQuery wait, ComputeDbContext db, HostDirectory hosts,
        PortAllocator ports, IBlockStorage storage, InstanceWaiter waiter, TimeProvider time, CancellationToken ct)
    {
        request ??= new ForkInstanceRequest();
        var errors = new FieldErrors();
        errors.Require(request.Count is >= 1 and <= CountMax, "count", $"Expected 1 to {CountMax}.");
        errors.Require(
            request.NamePrefix is null || ResourceName.IsValid($"{request.NamePrefix}-{CountMax}"), "namePrefix",
            $"Expected {ResourceName.Form}, with room for a number.");
        errors.ThrowIfAny();
        var parent = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        RequireForkable(parent);
        if ((await storage.ListAttachedAsync(parent.Project, parent.Id.Value, ct)).Count > 0)
        {
            throw CloudException.Conflict(HostErrors.HasVolumes, "A volume is one instance's: detach those of this one, to fork it.");
        }

        var forks = await PlaceAsync(request, parent, db, hosts, ports, time, ct);
        var settled = await Task.WhenAll(forks.Select(fork => waiter.WaitAsync(fork, wait, ct)));
        return TypedResults.Json(
            new ForkedInstances(settled.Select(InstanceView.From).ToList()), statusCode: StatusCodes.Status201Created);
    }

    private static void RequireForkable(Instance parent)
    {
        parent.RequireKept("fork");
        if (parent.BootsFrom is not { GuestAgent: true })
        {
            throw CloudException.Conflict(
                "no-guest-agent", $"Image '{parent.ImageName}' has no guest agent, without which a fork keeps the secrets of its parent.");
        }
    }

    /// <summary>All or none: one turn, one commit.</summary>
    private static async Task<IReadOnlyList<Instance>> PlaceAsync(
        ForkInstanceRequest request, Instance parent, ComputeDbContext db, HostDirectory hosts, PortAllocator ports, TimeProvider time,
        CancellationToken ct)
    {
        await using var turn = await db.BeginPlacementAsync(ct);
        for (var i = 0; i < request.Count; i++)
        {
            await InstanceQuotas.ReserveAsync(db, parent.Project, parent.Vcpus, parent.MemoryBytes, ct);
        }

        var verdicts = await JudgeAsync(request, parent, db, hosts, ct);
        var existing = await db.Instances.Existing().Where(other => other.Project == parent.Project)
            .Select(other => new { other.Name, other.Address }).ToListAsync(ct);
        var names = NamesOf(request.NamePrefix ?? parent.Name, existing.Select(one => one.Name).ToHashSet(StringComparer.Ordinal))
            .Take(request.Count).ToList();
        var addresses = existing.Select(one => one.Address).ToHashSet(StringComparer.Ordinal);
        var guestPorts = parent.Ports.Select(port => port.Guest).ToList();
        var chosen = await ports.ChooseAsync(
            db, Enumerable.Repeat(guestPorts, request.Count).SelectMany(one => one).ToList(), ct);
        var snapshot = TypedId.New<InstanceSnapshotId>(time);
        var forks = new List<Instance>();
        for (var i = 0; i < request.Count; i++)
        {
            var address = InstanceAddresses.Choose(addresses);
            addresses.Add(address);
            var own = chosen.Skip(i * guestPorts.Count).Take(guestPorts.Count).ToList();
            var fork = Instance.Create(Describe(parent, names[i], address, own, snapshot, time), time.GetUtcNow());
            db.Instances.Add(fork);
            db.Placements.Add(new InstancePlacement(fork.Id, verdicts));
            db.Sagas().Start<InstanceForkSaga, InstanceForkSagaData>(new InstanceForkSagaData(fork.Id, parent.Id), fork.Id.Value);
            db.AddInstanceEvent(fork, "created");
            forks.Add(fork);
        }

        await db.SaveNewAsync("instance", names[0], ct);
        await turn.CommitAsync(ct);
        return forks;
    }

    private static async Task<IReadOnlyList<HostVerdict>> JudgeAsync(
        ForkInstanceRequest request, Instance parent, ComputeDbContext db, HostDirectory hosts, CancellationToken ct)
    {
        var all = new PlacementRequest(
            parent.BootsFrom!.Architecture, parent.Engine!, parent.Vcpus * request.Count, parent.MemoryBytes * request.Count,
            new Labels(new Dictionary<string, string>()));
        var verdicts = (await hosts.JudgeAsync(db, all, ct)).Where(verdict => verdict.Host == parent.HostName).ToList();
        return verdicts is [{ Refused: null }]
            ? verdicts
            : throw CloudException.Conflict(
                "no-capacity", $"Forks run on their parent's host, which has no room: {verdicts.FirstOrDefault()?.Refused}");
    }

    private static IEnumerable<string> NamesOf(string prefix, HashSet<string> taken)
    {
        for (var number = 1; ; number++)
        {
            if (!taken.Contains($"{prefix}-{number}"))
            {
                yield return $"{prefix}-{number}";
            }
        }
    }

    private static NewInstance Describe(
        Instance parent, string name, string address, IReadOnlyList<InstancePort> ports, InstanceSnapshotId snapshot, TimeProvider time)
    {
        return new NewInstance
        {
            Id = TypedId.New<InstanceId>(time),
            Project = parent.Project,
            ProjectName = parent.ProjectName,
            Name = ResourceName.Require(name, "namePrefix"),
            Labels = parent.Labels,
            Image = parent.Image,
            ImageName = parent.ImageName,
            Type = parent.Type,
            Vcpus = parent.Vcpus,
            MemoryBytes = parent.MemoryBytes,
            RootDiskBytes = parent.RootDiskBytes,
            EngineAsked = parent.EngineAsked,
            Engine = parent.Engine,
            EngineReason = $"A fork of instance '{parent.Name}', which runs by it.",
            Host = parent.Host,
            HostName = parent.HostName,
            UserData = parent.UserData,
            AuthorizedKeys = parent.AuthorizedKeys,
            KeyPair = parent.KeyPair,
            Address = address,
            MacAddress = InstanceAddresses.MacOf(address),
            Ports = ports,
            VolumesAwaited = [],
            RestartPolicy = parent.RestartPolicy,
            DeletionProtection = false,
            ForkOf = snapshot.Value,
            BootsFrom = parent.BootsFrom,
        };
    }
}
