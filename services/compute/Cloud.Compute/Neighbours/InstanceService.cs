using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Compute.Placement;
using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Neighbours;

/// <summary>What other services ask of instances: the same rows, guards and sagas as a user's calls.</summary>
internal sealed class InstanceService(
    IDbContextFactory<ComputeDbContext> databases, InstanceChanges changes, InstanceWaiter waiter, HostDirectory hosts,
    PortAllocator ports, IBlockStorage storage, TimeProvider time) : IInstances
{
    /// <summary>How long a call is held for what usually takes less than that.</summary>
    private static readonly WaitQuery AWhile = new(TimeSpan.FromSeconds(5));

    public async Task<InstanceState?> FindAsync(string project, string instance, CancellationToken ct) =>
        await FindRowAsync(project, instance, ct) is { } row ? ToState(row) : null;

    public async Task<IReadOnlyList<string>> ListAsync(
        string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = db.Instances.AsNoTracking().Existing().Where(row => row.Project == project && row.Status != InstanceStatus.Deleting);
        foreach (var (key, value) in labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(row => row.LabelText.Contains(line));
        }

        return (await rows.OrderBy(row => row.Id).Select(row => row.Id).ToListAsync(ct)).Select(id => id.Value).ToList();
    }

    public async Task<InstanceState> CreateAsync(string project, NewInstanceCopy copy, CancellationToken ct)
    {
        if (await FindRowAsync(project, copy.Name, ct) is { } there)
        {
            return there.Origin?.RootOf == copy.RootOf
                ? ToState(there)
                : throw CloudException.Conflict("name-taken", $"There is already an instance '{copy.Name}' in this project.");
        }

        var settings = copy.Settings;
        var caller = new Caller(ComputeSetup.Name, "", project, settings.ProjectName, Role.Editor);
        await using var db = await databases.CreateDbContextAsync(ct);
        var request = new CreateInstanceRequest
        {
            Name = copy.Name,
            Image = await FindImageAsync(db, caller, settings, ct),
            Type = settings.Type,
            Engine = settings.Engine,
            UserData = settings.UserData,
            Ports = copy.Isolated ? [] : settings.Ports.Select(port => new RequestedPort(port)).ToList(),
            Volumes = ToRequested(copy.Volumes),
            Labels = settings.Labels,
            RestartPolicy = copy.Isolated
                ? RestartPolicy.Never
                : EnumWords.Parse<RestartPolicy>(settings.RestartPolicy, "restartPolicy"),
            DeletionProtection = settings.DeletionProtection && !copy.Isolated,
            Command = settings.Command,
            Environment = settings.IsContainer ? settings.Environment : null,
            ReadOnlyRoot = settings.ReadOnlyRoot,
        };
        var origin = new InstanceOrigin(copy.RootOf, copy.Host, settings.KeyPair, settings.AuthorizedKeys, copy.Isolated);
        var made = await CreateInstance.StartAsync(request, caller, db, hosts, ports, storage, time, ct, origin);
        return ToState(await waiter.WaitAsync(made, AWhile, ct));
    }

    public async Task<InstanceState> CreateServiceAsync(NewServiceInstance instance, CancellationToken ct)
    {
        if (await FindRowAsync(CloudProject.Id, instance.Name, ct) is { } there)
        {
            return there.Labels.Contains(new(ServiceTerms.ManagedBy, instance.ManagedBy))
                ? ToState(there)
                : throw CloudException.Conflict("name-taken", $"There is already an instance '{instance.Name}' of another service.");
        }

        var caller = new Caller(ComputeSetup.Name, "", CloudProject.Id, CloudProject.Name, Role.Editor);
        await using var db = await databases.CreateDbContextAsync(ct);
        var request = new CreateInstanceRequest
        {
            Name = instance.Name,
            Image = instance.Image,
            Engine = "container",
            Volumes = ToRequested(instance.Volumes),
            Labels = new Dictionary<string, string>(instance.Labels) { [ServiceTerms.ManagedBy] = instance.ManagedBy },
            RestartPolicy = EnumWords.Parse<RestartPolicy>(instance.RestartPolicy, "restartPolicy"),
            Command = instance.Command,
            Environment = instance.Environment,
            ReadOnlyRoot = instance.ReadOnlyRoot,
        };
        var terms = new ServiceTerms(instance.Vcpus, instance.MemoryBytes, instance.Host, instance.Listeners);
        var made = await CreateInstance.StartAsync(request, caller, db, hosts, ports, storage, time, ct, service: terms);
        return ToState(await waiter.WaitAsync(made, AWhile, ct));
    }

    public async Task<string?> RefusalOfContainerAsync(
        string image, int vcpus, long memoryBytes, string? volumeHost, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await db.Images.AsNoTracking().Where(one => one.Project == null && one.Name == image && one.Status == ImageStatus.Active)
            .FirstOrDefaultAsync(ct);
        if (row is null)
        {
            return $"the image '{image}' is not built yet.";
        }

        var verdicts = await hosts.JudgeAsync(
            db, new PlacementRequest(row.Architecture, "container", vcpus, memoryBytes, Labels.None, volumeHost, IsContainer: true), ct);
        var lacks = (await db.Hosts.AsNoTracking().ToListAsync(ct)).ToDictionary(
            host => host.Name,
            host => host.Engines.FirstOrDefault(
                engine => engine.Engine == "container" && engine.Architecture == row.Architecture)?.Lacks.Values.FirstOrDefault());
        string? RefusalOf(HostVerdict verdict) => verdict.Refused ?? lacks[verdict.Host];
        return verdicts.Any(verdict => RefusalOf(verdict) is null)
            ? null
            : verdicts.Count == 0
                ? "there is no compute host."
                : string.Join(" ", verdicts.Select(verdict => $"{verdict.Host}: {RefusalOf(verdict)}"));
    }

    public Task<InstanceState> ResizeAsync(string project, string instance, int vcpus, long memoryBytes, CancellationToken ct) =>
        ActAsync<InstanceResizeSaga>(
            project, instance, "resizing",
            row => (row.Vcpus, row.MemoryBytes) == (vcpus, memoryBytes)
                ? null
                : (one, now) => one.BeginResize(one.Type, vcpus, memoryBytes, 0, now),
            ct,
            (db, row) => InstanceQuotas.ResizeAsync(db, row, vcpus, memoryBytes, ct));

    public Task<InstanceState> StopAsync(string project, string instance, CancellationToken ct) =>
        ActAsync<InstanceStopSaga>(project, instance, "stopping", row => row.Status switch
        {
            InstanceStatus.Stopped or InstanceStatus.Failed or InstanceStatus.Stopping => null,
            _ => (one, now) => one.BeginStop(now),
        }, ct);

    public Task<InstanceState> StartAsync(string project, string instance, CancellationToken ct) =>
        ActAsync<InstanceStartSaga>(project, instance, "starting", row => row.Status switch
        {
            InstanceStatus.Running or InstanceStatus.Starting => null,
            _ => (one, now) => one.BeginStart(now),
        }, ct);

    public async Task ReplaceRootAsync(string project, string instance, string snapshot, CancellationToken ct)
    {
        var row = await RequireRowAsync(project, instance, ct);
        if (row.Status is not (InstanceStatus.Stopped or InstanceStatus.Failed))
        {
            throw CloudException.Conflict("wrong-status", $"Instance '{row.Name}' must be stopped to be given another root disk.");
        }

        await hosts.AgentOf(row.HostName).ReplaceRootAsync(row.Id.Value, snapshot, ct);
    }

    public async Task<bool> DeleteAsync(string project, string instance, CancellationToken ct)
    {
        if (await FindRowAsync(project, instance, ct) is not { } found)
        {
            return true;
        }

        await changes.ApplyAsync(found.Id, "deleting", (db, row, now) =>
        {
            var begins = row.Status is not (InstanceStatus.Deleting or InstanceStatus.Deleted);
            if (begins)
            {
                row.Protect(false, now);
                row.BeginDelete(now);
                db.Sagas().Start<InstanceDeleteSaga, InstanceSagaData>(new InstanceSagaData(row.Id), row.Id.Value);
            }

            return Task.FromResult(begins);
        }, ct);
        return (await waiter.WaitAsync(found, AWhile, ct)).Status == InstanceStatus.Deleted;
    }

    public async Task<int> ExecAsync(string project, string instance, IReadOnlyList<string> command, CancellationToken ct)
    {
        var row = await RequireRowAsync(project, instance, ct);
        return (await hosts.AgentOf(row.HostName).ExecAsync(row.Id.Value, command, ct)).ExitCode;
    }

    public async Task<ContainerCommandEnd> RunAsync(
        string project, string instance, ContainerCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output,
        CancellationToken ct)
    {
        var row = await RequireRowAsync(project, instance, ct);
        return await hosts.AgentOf(row.HostName).RunAsync(row.Id.Value, command, input, output, ct);
    }

    private async Task<InstanceState> ActAsync<TSaga>(
        string project, string instance, string what, Func<Instance, Action<Instance, DateTimeOffset>?> begin, CancellationToken ct,
        Func<ComputeDbContext, Instance, Task>? before = null)
        where TSaga : Saga<InstanceSagaData>
    {
        var found = await RequireRowAsync(project, instance, ct);
        await changes.ApplyAsync(found.Id, what, async (db, row, now) =>
        {
            if (begin(row) is not { } act)
            {
                return false;
            }

            await (before?.Invoke(db, row) ?? Task.CompletedTask);
            act(row, now);
            db.Sagas().Start<TSaga, InstanceSagaData>(new InstanceSagaData(row.Id), row.Id.Value);
            return true;
        }, ct);
        return ToState(await waiter.WaitAsync(found, AWhile, ct));
    }

    private static List<RequestedVolume> ToRequested(IReadOnlyList<NewInstanceVolume> volumes) =>
        volumes.Select(volume => new RequestedVolume
        {
            Volume = volume.Volume,
            ReadOnly = volume.ReadOnly,
            DeleteOnTermination = volume.DeleteOnTermination,
            MountPath = volume.MountPath,
        }).ToList();

    /// <summary>The image itself, or where it is gone the one that has its name now.</summary>
    private static async Task<string> FindImageAsync(
        ComputeDbContext db, Caller caller, InstanceSettings settings, CancellationToken ct) =>
        ImageId.TryParse(settings.Image, out var id) && await db.Images.VisibleTo(caller).AnyAsync(
            image => image.Id == id && image.Status != ImageStatus.Failed && image.Status != ImageStatus.Deleting, ct)
            ? settings.Image
            : settings.ImageName;

    private async Task<Instance> RequireRowAsync(string project, string instance, CancellationToken ct) =>
        await FindRowAsync(project, instance, ct) ?? throw CloudException.NotFound("instance", instance);

    private async Task<Instance?> FindRowAsync(string project, string instance, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = db.Instances.AsNoTracking().Existing().Where(row => row.Project == project);
        return InstanceId.TryParse(instance, out var id)
            ? await rows.SingleOrDefaultAsync(row => row.Id == id, ct)
            : await rows.SingleOrDefaultAsync(row => row.Name == instance, ct);
    }

    private static InstanceState ToState(Instance row) => new(
        row.Id.Value, row.Name, EnumWords.Of(row.Status), row.StatusReason, row.Settled, row.Ready, row.HostName,
        new InstanceSettings
        {
            ProjectName = row.ProjectName,
            Image = row.Image.Value,
            ImageName = row.ImageName,
            IsContainer = row.Container is not null,
            Type = row.Type,
            Engine = row.EngineAsked,
            UserData = row.UserData,
            KeyPair = row.KeyPair,
            AuthorizedKeys = row.AuthorizedKeys,
            Ports = row.Ports.Select(port => port.Guest).ToList(),
            Labels = row.Labels.ToDictionary(StringComparer.Ordinal),
            RestartPolicy = EnumWords.Of(row.RestartPolicy),
            DeletionProtection = row.DeletionProtection,
            Command = row.Container?.Command,
            Environment = row.Container?.Environment ?? new Dictionary<string, string>(),
            ReadOnlyRoot = row.Container?.ReadOnlyRoot ?? false,
            Mounts = row.Container?.Mounts ?? new Dictionary<string, string>(),
        })
    {
        Vcpus = row.Vcpus,
        MemoryBytes = row.MemoryBytes,
        Listeners = row.Container?.Listeners ?? [],
    };
}
