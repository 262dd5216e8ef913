using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Compute.InstanceSnapshots;
using Cloud.Compute.Persistence;
using Cloud.Compute.WarmStates;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>The steps that the sagas of an instance are made of. Each can run twice with the outcome of once.</summary>
internal sealed class InstanceSteps(
    IDbContextFactory<ComputeDbContext> databases,
    InstanceChanges changes,
    HostDirectory hosts,
    GuestReports reports,
    IBlockStorage storage,
    TimeProvider time)
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    /// <summary>Waits while the image is still being built or imported.</summary>
    /// <exception cref="CloudException">It failed, or was deleted meanwhile.</exception>
    public async Task<StepResult> AwaitImageAsync(InstanceSagaData data, CancellationToken ct)
    {
        var (instance, image) = await ReadWithImageAsync(data, ct);
        return image.Status switch
        {
            ImageStatus.Active when instance.MemoryBytes < image.MinMemoryBytes => throw CloudException.Conflict(
                "too-small",
                $"Image '{image.Name}' needs {image.MinMemoryBytes >> 20} MiB of memory; "
                + $"type '{instance.Type}' has {instance.MemoryBytes >> 20}."),
            ImageStatus.Active => StepResult.Done,
            ImageStatus.Building or ImageStatus.Importing => StepResult.Again(LookAgain),
            _ => throw CloudException.Conflict("image-unusable", $"Image '{image.Name}' failed: {image.StatusReason}"),
        };
    }

    /// <summary>Tells the host what the guest is: folder, disks, seed, network.</summary>
    public async Task<StepResult> DefineAsync(InstanceSagaData data, CancellationToken ct)
    {
        var (instance, image) = await ReadWithImageAsync(data, ct);
        if (instance.BootsFrom is null)
        {
            // For its whole life: a root disk is only what it differs in from these very files.
            await changes.ApplyAsync(data.Instance, "changed", (row, now) =>
            {
                row.TakesFiles(GuestSpecs.FilesOf(image), image.DiskSizeBytes, now);
                return true;
            }, ct);
            instance = await ReadAsync(data, ct);
        }

        var agent = hosts.AgentOf(instance.HostName);
        try
        {
            await agent.DefineAsync(GuestSpecs.Of(instance), ct);
        }
        catch (CloudException refused) when (instance.GoesOnWarm && IsRefusal(refused))
        {
            await agent.DefineAsync(GuestSpecs.Of(await GoColdAsync(data, refused, ct)), ct);
        }

        return StepResult.Done;
    }

    /// <summary>Gives the guest the volumes it was created with, one after another: they are its disks in this order.</summary>
    public async Task<StepResult> AttachVolumesAsync(InstanceSagaData data, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        foreach (var volume in instance.VolumesAwaited)
        {
            var attached = await storage.AttachAsync(
                new BlockAttachment(
                    instance.Project, volume.Volume, instance.Id.Value, volume.ReadOnly, volume.DeleteOnTermination),
                ct);
            if (attached.Status != BlockVolume.Attached)
            {
                return StepResult.Again(LookAgain);
            }
        }

        return StepResult.Done;
    }

    /// <summary>Undoes a create: the guest goes, and the volumes that it was to have are free.</summary>
    public async Task<StepResult> TakeBackAsync(InstanceSagaData data, CancellationToken ct)
    {
        await RemoveAsync(data, ct);
        if (await ReadAsync(data, ct) is { VolumesAwaited.Count: > 0 } instance)
        {
            await storage.ReleaseAsync(instance.Project, instance.Id.Value, ct);
        }

        return StepResult.Done;
    }

    /// <summary>Boots the guest; what the host saw of it before no longer counts.</summary>
    public Task<StepResult> StartAsync(InstanceSagaData data, CancellationToken ct) =>
        StartAsync(data, (agent, _) => agent.StartAsync(data.Instance.Value, ct), ct);

    /// <summary>The first start of a guest: it goes on from its image's warm state where it is to, and boots where it cannot.</summary>
    public Task<StepResult> StartNewAsync(InstanceSagaData data, CancellationToken ct) => StartAsync(data, async (agent, instance) =>
    {
        if (!instance.WarmFailed)
        {
            try
            {
                return await agent.StartAsync(data.Instance.Value, ct);
            }
            catch (CloudException refused) when (instance.GoesOnWarm && IsRefusal(refused))
            {
                instance = await GoColdAsync(data, refused, ct);
            }
        }

        // Nothing of what it was to go on from stays.
        await agent.RemoveAsync(data.Instance.Value, ct);
        await agent.DefineAsync(GuestSpecs.Of(instance), ct);
        return await agent.StartAsync(data.Instance.Value, ct);
    }, ct);

    private async Task<StepResult> StartAsync(
        InstanceSagaData data, Func<IHostAgent, Instance, Task<GuestReport>> start, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        var agent = hosts.AgentOf(instance.HostName);
        var before = await agent.FindAsync(data.Instance.Value, ct);
        // Else it runs already, or is to stop or go: the saga of that is next, also where that is so from here on.
        if (IsToStart(instance))
        {
            var starting = start(agent, instance);
            await Task.WhenAll(starting, SayStartingAsync(data, before, ct));

            // What the host reported meanwhile, the guest's end perhaps, was not of a start yet.
            await reports.TakeAsync(instance.HostName!, await agent.FindAsync(data.Instance.Value, ct) ?? await starting, ct);
        }

        if (instance.VolumesAwaited.Count > 0)
        {
            await changes.ApplyAsync(data.Instance, "changed", (row, now) =>
            {
                row.HasItsVolumes(now);
                return true;
            }, ct);
        }

        return StepResult.Done;
    }

    private static bool IsToStart(Instance row) => row.Status is InstanceStatus.Provisioning or InstanceStatus.Starting;

    /// <summary>From here on counts what the host sees of this start; nothing that it saw before.</summary>
    private Task SayStartingAsync(InstanceSagaData data, GuestReport? before, CancellationToken ct) =>
        changes.ApplyAsync(data.Instance, "starting", (row, now) =>
        {
            if (!IsToStart(row))
            {
                return false;
            }

            row.Boots(InstanceStatus.Starting, now);
            row.ListensFrom(before switch
            {
                null => 0,
                { State: GuestState.Running or GuestState.Paused } => before.Generation,
                _ => before.Generation + 1,
            });
            return true;
        }, ct);

    public async Task<StepResult> AskToPowerOffAsync(InstanceSagaData data, CancellationToken ct)
    {
        var (agent, guest) = await FindGuestAsync(data, ct);
        if (guest?.State == GuestState.Paused)
        {
            // A guest whose processors stand still hears no power button.
            await agent.ResumeAsync(data.Instance.Value, ct);
        }

        if (guest?.State is GuestState.Running or GuestState.Paused)
        {
            await IfItRunsAsync(() => agent.PowerDownAsync(data.Instance.Value, ct));
        }

        return StepResult.Done;
    }

    /// <summary>Until the guest has ended or its grace is over.</summary>
    public async Task<StepResult> AwaitEndAsync(InstanceSagaData data, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        var (_, guest) = await FindGuestAsync(data, ct);
        var graceEnds = instance.Deadline - InstanceLimits.Stopping + InstanceLimits.StopGrace;
        return guest?.State is GuestState.Running or GuestState.Paused && time.GetUtcNow() < graceEnds
            ? StepResult.Again(LookAgain)
            : StepResult.Done;
    }

    public async Task<StepResult> EndByForceAsync(InstanceSagaData data, CancellationToken ct)
    {
        var (agent, guest) = await FindGuestAsync(data, ct);
        if (guest is not null)
        {
            await agent.KillAsync(data.Instance.Value, ct);
        }

        return StepResult.Done;
    }

    /// <summary>Resets the guest; what it reports from then on is of the new boot.</summary>
    public async Task<StepResult> RebootAsync(InstanceSagaData data, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        var guest = await hosts.AgentOf(instance.HostName).ResetAsync(data.Instance.Value, ct);
        await changes.ApplyAsync(data.Instance, "rebooting", (row, _) =>
        {
            row.ListensFrom(guest.Generation);
            return row.Status == InstanceStatus.Rebooting;
        }, ct);
        return StepResult.Done;
    }

    public Task<StepResult> PauseAsync(InstanceSagaData data, CancellationToken ct) =>
        AskHostAsync(data, agent => agent.PauseAsync(data.Instance.Value, ct), ct);

    public Task<StepResult> SuspendAsync(InstanceSagaData data, CancellationToken ct) =>
        AskHostAsync(data, agent => agent.SuspendAsync(data.Instance.Value, ct), ct);

    /// <summary>Of a guest that was suspended, what was reported before is of the run before.</summary>
    public async Task<StepResult> ResumeAsync(InstanceSagaData data, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        var guest = await hosts.AgentOf(instance.HostName).ResumeAsync(data.Instance.Value, ct);
        await changes.ApplyAsync(data.Instance, "resuming", (row, _) =>
        {
            row.ListensFrom(guest.Generation);
            return row.Status == InstanceStatus.Resuming;
        }, ct);
        return StepResult.Done;
    }

    public async Task<StepResult> RemoveAsync(InstanceSagaData data, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        await hosts.AgentOf(instance.HostName).RemoveAsync(data.Instance.Value, ct);
        return StepResult.Done;
    }

    public Task<StepResult> SayStoppedAsync(InstanceSagaData data, CancellationToken ct) =>
        SayAsync(data, "stopped", [InstanceStatus.Stopping], (row, now) => row.IsStopped(null, now), ct);

    public Task<StepResult> SayResizedAsync(InstanceSagaData data, CancellationToken ct) =>
        SayAsync(data, "resized", [InstanceStatus.Resizing], (row, now) =>
        {
            if (row.ShouldRun)
            {
                row.GoesOn(now);
            }
            else
            {
                row.IsStopped(null, now);
            }
        }, ct);

    public Task<StepResult> SayPausedAsync(InstanceSagaData data, CancellationToken ct) =>
        SayAsync(data, "paused", [InstanceStatus.Pausing], (row, now) => row.IsPaused(now), ct);

    public Task<StepResult> SaySuspendedAsync(InstanceSagaData data, CancellationToken ct) =>
        SayAsync(data, "suspended", [InstanceStatus.Suspending], (row, now) => row.IsSuspended(now), ct);

    public Task<StepResult> SayRunningAsync(InstanceSagaData data, CancellationToken ct) =>
        SayAsync(data, "running", [InstanceStatus.Resuming], (row, now) => row.GoesOn(now), ct);

    /// <summary>The row is deleted and what it held of the project's quotas is free, in one commit.</summary>
    public async Task<StepResult> SayDeletedAsync(InstanceSagaData data, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Instance, "deleted", async (db, row, now) =>
        {
            if (row.Status == InstanceStatus.Deleted)
            {
                return false;
            }

            row.IsDeleted(now);
            await db.DeleteSnapshotsOfAsync(row, now, ct);
            await InstanceQuotas.ReleaseAsync(db, row, ct);
            return true;
        }, ct);
        return StepResult.Done;
    }

    /// <summary>What was under way has failed for good: the row says so.</summary>
    public Task FailAsync(InstanceSagaData data, string reason, CancellationToken ct) =>
        changes.ApplyAsync(data.Instance, "failed", (row, now) =>
        {
            if (row.Settled)
            {
                return false;
            }

            row.Fails(reason, now);
            return true;
        }, ct);

    private async Task<StepResult> SayAsync(
        InstanceSagaData data, string what, InstanceStatus[] from, Action<Instance, DateTimeOffset> change, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Instance, what, (row, now) =>
        {
            if (!from.Contains(row.Status))
            {
                return false;
            }

            change(row, now);
            return true;
        }, ct);
        return StepResult.Done;
    }

    private async Task<StepResult> AskHostAsync(InstanceSagaData data, Func<IHostAgent, Task> ask, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        await ask(hosts.AgentOf(instance.HostName));
        return StepResult.Done;
    }

    private async Task<(IHostAgent Agent, GuestReport? Guest)> FindGuestAsync(InstanceSagaData data, CancellationToken ct)
    {
        var instance = await ReadAsync(data, ct);
        var agent = hosts.AgentOf(instance.HostName);
        return (agent, await agent.FindAsync(data.Instance.Value, ct));
    }

    private static bool IsRefusal(CloudException refused) => refused.Kind is ErrorKind.Conflict or ErrorKind.NotFound;

    /// <summary>
    /// The guest cannot go on from its image's warm state: it boots, says why, and a state that no guest can go on from is made anew.
    /// </summary>
    private async Task<Instance> GoColdAsync(InstanceSagaData data, CloudException refused, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Instance, "changed", async (db, row, now) =>
        {
            row.GoesCold(refused.Message, now);
            if (refused.Code == HostErrors.OtherVersion)
            {
                foreach (var state in await db.WarmStates.Where(state => state.Status == WarmStateStatus.Active).ToListAsync(ct))
                {
                    if (state.Snapshot == row.WarmFrom)
                    {
                        state.IsStale(refused.Message, now);
                    }
                }
            }

            return true;
        }, ct);
        return await ReadAsync(data, ct);
    }

    /// <summary>A guest that ended at this very moment is what was asked for.</summary>
    private static async Task IfItRunsAsync(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (CloudException gone) when (gone.Code == HostErrors.NotRunning)
        {
            // It ended between the look and the call.
        }
    }

    private async Task<(Instance Instance, Image Image)> ReadWithImageAsync(InstanceSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var instance = await db.Instances.AsNoTracking().SingleAsync(row => row.Id == data.Instance, ct);
        return (instance, await db.Images.AsNoTracking().SingleAsync(row => row.Id == instance.Image, ct));
    }

    private async Task<Instance> ReadAsync(InstanceSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Instances.AsNoTracking().SingleAsync(row => row.Id == data.Instance, ct);
    }
}
