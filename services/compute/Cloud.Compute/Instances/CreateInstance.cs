using System.Text;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Compute.InstanceTypes;
using Cloud.Compute.KeyPairs;
using Cloud.Compute.Persistence;
using Cloud.Compute.Placement;
using Cloud.Compute.WarmStates;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>The body of <c>POST /v1/instances</c>.</summary>
public sealed record CreateInstanceRequest
{
    /// <summary>Unique among the project's instances; also the guest's host name.</summary>
    public required string Name { get; init; }

    /// <summary>The name or id of an image.</summary>
    public required string Image { get; init; }

    /// <summary>The name or id of an instance type.</summary>
    public string Type { get; init; } = "nano";

    /// <summary><c>auto</c> takes the fastest that works for the image's architecture on the host.</summary>
    public string Engine { get; init; } = "auto";

    /// <summary>A script with <c>#!</c>, or <c>#cloud-config</c> for images with cloud-init; at most 1 MiB.</summary>
    public string? UserData { get; init; }

    /// <summary>The name or id of a key pair that may log in.</summary>
    public string? KeyPair { get; init; }

    /// <summary>Ports of the guest to publish on the host's loopback.</summary>
    public IReadOnlyList<RequestedPort>? Ports { get; init; }

    /// <summary>Volumes that it has from its first boot on: vdb, vdc, … in this order.</summary>
    public IReadOnlyList<RequestedVolume>? Volumes { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>Labels that its host must carry.</summary>
    public IReadOnlyDictionary<string, string>? HostLabels { get; init; }

    public RestartPolicy RestartPolicy { get; init; } = RestartPolicy.OnFailure;

    public bool DeletionProtection { get; init; }

    /// <summary>For a container: the program and its arguments; left out, the image's own.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    /// <summary>For a container: values by their names, beside the image's own.</summary>
    public IReadOnlyDictionary<string, string>? Environment { get; init; }

    /// <summary>For a container: nothing but its volumes, <c>/tmp</c>, <c>/run</c> and <c>/dev/shm</c> can be written to.</summary>
    public bool ReadOnlyRoot { get; init; }
}

/// <summary>A port to publish.</summary>
/// <param name="Guest">The port in the guest, 1 to 65535.</param>
public sealed record RequestedPort(int Guest);

internal static class CreateInstance
{
    public static async Task<IResult> HandleAsync(
        CreateInstanceRequest request,
        Caller caller,
        WaitQuery wait,
        HttpContext context,
        ComputeDbContext db,
        HostDirectory hosts,
        PortAllocator ports,
        InstanceWaiter waiter,
        IBlockStorage storage,
        TimeProvider time,
        CancellationToken ct)
    {
        var instance = await StartAsync(request, caller, db, hosts, ports, storage, time, ct);
        var settled = await waiter.WaitAsync(instance, wait, ct);
        return ResourceResults.Created(context, $"/v1/instances/{instance.Id}", InstanceView.From(settled), settled.Version);
    }

    /// <summary>Checks the request, makes the row and starts what makes the guest.</summary>
    /// <param name="origin">What it goes on from; null for one that begins as its image.</param>
    /// <param name="service">For a container of a service's own; else null.</param>
    public static async Task<Instance> StartAsync(
        CreateInstanceRequest request,
        Caller caller,
        ComputeDbContext db,
        HostDirectory hosts,
        PortAllocator ports,
        IBlockStorage storage,
        TimeProvider time,
        CancellationToken ct,
        InstanceOrigin? origin = null,
        ServiceTerms? service = null)
    {
        Check(request);
        service?.Check();
        var image = await db.Images.FindUsableAsync(caller, request.Image, ct);
        var type = service?.ToType(time) ?? await db.InstanceTypes.FindNamedAsync(request.Type, ct);
        var keyPair = request.KeyPair is null ? null : await db.KeyPairs.FindNamedAsync(caller, request.KeyPair, ct);
        CheckFit(request, image, type);
        var volumes = await InstanceVolumes.FindAsync(request.Volumes ?? [], caller, storage, ct);
        return await PlaceAsync(request, caller, image, type, keyPair, volumes, db, hosts, ports, time, origin, service, ct);
    }

    /// <summary>
    /// One placement at a time, so that two creates never take the same room, port or address; quotas count in the same commit.
    /// </summary>
    private static async Task<Instance> PlaceAsync(
        CreateInstanceRequest request,
        Caller caller,
        Image image,
        InstanceType type,
        KeyPair? keyPair,
        InstanceVolumes volumes,
        ComputeDbContext db,
        HostDirectory hosts,
        PortAllocator ports,
        TimeProvider time,
        InstanceOrigin? origin,
        ServiceTerms? service,
        CancellationToken ct)
    {
        await using var turn = await db.BeginPlacementAsync(ct);
        await InstanceQuotas.ReserveAsync(db, caller.Project, type.Vcpus, type.MemoryBytes, ct);
        var verdicts = await hosts.JudgeAsync(db, ToPlacement(request, image, type, volumes.Host ?? origin?.Host ?? service?.Host), ct);
        var warm = origin is null
            ? await WarmChoice.OfAsync(db.WarmStates, image, type, volumes.Awaited.Count > 0, verdicts, ct)
            : WarmChoice.None;
        var chosen = warm.Host ?? verdicts.FirstOrDefault(verdict => verdict.Refused is null) ?? throw NoCapacity(verdicts);
        await RequireVolumesAsync(volumes, image, chosen, db, ct);
        var instance = Instance.Create(
            await DescribeAsync(request, caller, image, type, keyPair, volumes, chosen, warm, db, hosts, ports, time, origin, service, ct),
            time.GetUtcNow());
        db.Instances.Add(instance);
        db.Placements.Add(new InstancePlacement(instance.Id, verdicts));
        db.Sagas().Start<InstanceCreateSaga, InstanceSagaData>(new InstanceSagaData(instance.Id), instance.Id.Value);
        db.AddInstanceEvent(instance, "created");
        await db.SaveNewAsync("instance", request.Name, ct);
        await turn.CommitAsync(ct);
        return instance;
    }

    /// <exception cref="CloudException">There are to be volumes, and the host gives its containers none.</exception>
    private static async Task RequireVolumesAsync(
        InstanceVolumes volumes, Image image, HostVerdict chosen, ComputeDbContext db, CancellationToken ct)
    {
        if (volumes.Awaited.Count == 0 || !image.IsContainer)
        {
            return;
        }

        var host = await db.Hosts.AsNoTracking().SingleAsync(host => host.Name == chosen.Host, ct);
        var engine = host.Engines.First(engine => engine.Engine == chosen.Engine && engine.Architecture == image.Architecture);
        if (engine.Lacks.TryGetValue(HostEngine.Volumes, out var why))
        {
            throw CloudException.Invalid("volumes", why);
        }
    }

    private static void Check(CreateInstanceRequest request)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        errors.Require(request.Engine is "auto" or "emulation" or "hardware" or "simulation" or "container", "engine",
            "Expected auto, simulation, emulation, hardware or container.");
        ResourceName.CheckLabels(request.Labels, errors);
        ResourceName.CheckLabels(request.HostLabels, errors, "hostLabels");
        errors.Require(
            request.UserData is null || Encoding.UTF8.GetByteCount(request.UserData) <= InstanceLimits.UserDataBytesMax,
            "userData",
            "At most 1 MiB.");
        var ports = request.Ports ?? [];
        errors.Require(ports.Count <= InstanceLimits.PortsMax, "ports", $"At most {InstanceLimits.PortsMax}.");
        for (var at = 0; at < Math.Min(ports.Count, InstanceLimits.PortsMax); at++)
        {
            errors.Require(ports[at] is { Guest: >= 1 and <= 65535 }, $"ports[{at}].guest", "Expected 1 to 65535.");
        }

        InstanceVolumes.Check(request.Volumes ?? [], errors);
        InstanceContainer.Check(request, errors);
        errors.Require(ports.DistinctBy(port => port?.Guest).Count() == ports.Count, "ports", "A port is named twice.");
        errors.ThrowIfAny();
    }

    private static void CheckFit(CreateInstanceRequest request, Image image, InstanceType type)
    {
        var errors = new FieldErrors();
        InstanceContainer.CheckFit(request, image.IsContainer, errors);
        if (image.Status == ImageStatus.Building)
        {
            // What more it takes is not known before it is built; the create is checked again then.
            errors.ThrowIfAny();
            return;
        }

        errors.Require(type.MemoryBytes >= image.MinMemoryBytes, "type",
            $"Image '{image.Name}' needs {image.MinMemoryBytes >> 20} MiB of memory; '{type.Name}' has {type.MemoryBytes >> 20}.");
        var isConfig = request.UserData?.StartsWith("#cloud-config", StringComparison.Ordinal) == true;
        errors.Require(!isConfig || image.UserData.Contains("cloud-config"), "userData",
            $"Image '{image.Name}' takes scripts only: start it with #!.");
        errors.ThrowIfAny();
    }

    private static async Task<NewInstance> DescribeAsync(
        CreateInstanceRequest request,
        Caller caller,
        Image image,
        InstanceType type,
        KeyPair? keyPair,
        InstanceVolumes volumes,
        HostVerdict chosen,
        WarmChoice warm,
        ComputeDbContext db,
        HostDirectory hosts,
        PortAllocator ports,
        TimeProvider time,
        InstanceOrigin? origin,
        ServiceTerms? service,
        CancellationToken ct)
    {
        var taken = await db.Instances.Existing().Where(other => other.Project == caller.Project)
            .Select(other => other.Address).ToHashSetAsync(ct);
        var address = InstanceAddresses.Choose(taken);
        return new NewInstance
        {
            Id = TypedId.New<InstanceId>(time),
            Project = caller.Project,
            ProjectName = caller.ProjectName,
            Name = request.Name,
            Labels = new Labels(request.Labels ?? new Dictionary<string, string>()),
            Image = image.Id,
            ImageName = image.Name,
            Type = type.Name,
            Vcpus = type.Vcpus,
            MemoryBytes = type.MemoryBytes,
            RootDiskBytes = image.IsContainer ? 0 : Math.Max(type.RootDiskBytes, image.DiskSizeBytes),
            EngineAsked = request.Engine,
            Engine = chosen.Engine,
            EngineReason = chosen.EngineReason,
            Host = hosts.IdOf(chosen.Host),
            HostName = chosen.Host,
            UserData = request.UserData,
            AuthorizedKeys = origin?.AuthorizedKeys ?? (keyPair is null ? [] : [keyPair.PublicKey]),
            KeyPair = origin is null ? keyPair?.Name : origin.KeyPair,
            Address = address,
            MacAddress = InstanceAddresses.MacOf(address),
            Ports = await ports.ChooseAsync(db, (request.Ports ?? []).Select(port => port.Guest).ToList(), ct),
            VolumesAwaited = volumes.Awaited,
            RestartPolicy = request.RestartPolicy,
            DeletionProtection = request.DeletionProtection,
            Container = image.IsContainer
                ? InstanceContainer.Of(request, volumes.Mounts) with
                {
                    HasNoNetwork = service is not null,
                    Listeners = await ports.ChooseAsync(db, service?.Listeners ?? [], ct),
                }
                : null,
            Origin = origin,
            // A warm state lies over the very files that it booted from. An image that is still being built has none yet.
            BootsFrom = warm.State?.Files ?? (image.Status == ImageStatus.Active ? GuestSpecs.FilesOf(image) : null),
            WarmFrom = warm.State?.Snapshot,
            WarmReason = warm.Reason,
        };
    }

    private static PlacementRequest ToPlacement(CreateInstanceRequest request, Image image, InstanceType type, string? volumeHost) => new(
        image.Architecture, request.Engine, type.Vcpus, type.MemoryBytes,
        new Labels(request.HostLabels ?? new Dictionary<string, string>()), volumeHost, image.IsContainer);

    private static CloudException NoCapacity(IReadOnlyList<HostVerdict> verdicts) =>
        new(ErrorKind.Conflict, "no-capacity", verdicts.Count == 0
            ? "There is no host yet."
            : "No host has room for it: " + string.Join(" ", verdicts.Select(verdict => $"{verdict.Host}: {verdict.Refused}")))
        {
            Details = new Dictionary<string, object> { ["hosts"] = verdicts },
        };
}
