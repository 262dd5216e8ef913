using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Neighbours;

/// <summary>What backups ask of instances: the same rows, guards and sagas as a user's calls.</summary>
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
            Volumes = copy.Volumes.Select(volume => new RequestedVolume
            {
                Volume = volume.Volume,
                ReadOnly = volume.ReadOnly,
                DeleteOnTermination = volume.DeleteOnTermination,
                MountPath = volume.MountPath,
            }).ToList(),
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

    private async Task<InstanceState> ActAsync<TSaga>(
        string project, string instance, string what, Func<Instance, Action<Instance, DateTimeOffset>?> begin, CancellationToken ct)
        where TSaga : Saga<InstanceSagaData>
    {
        var found = await RequireRowAsync(project, instance, ct);
        await changes.ApplyAsync(found.Id, what, (db, row, now) =>
        {
            if (begin(row) is not { } act)
            {
                return Task.FromResult(false);
            }

            act(row, now);
            db.Sagas().Start<TSaga, InstanceSagaData>(new InstanceSagaData(row.Id), row.Id.Value);
            return Task.FromResult(true);
        }, ct);
        return ToState(await waiter.WaitAsync(found, AWhile, ct));
    }

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
        });
}
