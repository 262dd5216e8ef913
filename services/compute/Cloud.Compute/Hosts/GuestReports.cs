using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

/// <summary>
/// Takes what a host saw of a guest into its instance: the boot's end, a death. Taking the same report twice changes nothing.
/// </summary>
internal sealed class GuestReports(IDbContextFactory<ComputeDbContext> databases, ChangeSignals signals, TimeProvider time)
{
    /// <summary>How often a save is tried that another change came before.</summary>
    private const int TriesMax = 5;

    /// <param name="host">The host that reports; of a guest that has gone to another, or is only on its way, it is not heard.</param>
    public async Task TakeAsync(string host, GuestReport report, CancellationToken ct)
    {
        if (!InstanceId.TryParse(report.Id, out var id))
        {
            return;
        }

        for (var tries = 1; ; tries++)
        {
            try
            {
                await using var db = await databases.CreateDbContextAsync(ct);
                if (await db.Instances.Existing().SingleOrDefaultAsync(row => row.Id == id, ct) is { } instance
                    && instance.HostName == host && Take(db, instance, report))
                {
                    await db.SaveChangesAsync(ct);
                }

                // A saga may wait for what the host saw, whether or not the row changed.
                signals.Changed(report.Id);
                return;
            }
            catch (DbUpdateConcurrencyException) when (tries < TriesMax)
            {
                // Somebody changed the instance at this moment: look at it again.
            }
        }
    }

    /// <summary>True when the instance changed.</summary>
    private bool Take(ComputeDbContext db, Instance instance, GuestReport report)
    {
        var now = time.GetUtcNow();
        if (report.Generation < instance.Generation)
        {
            return false;
        }

        switch (instance.Status)
        {
            case InstanceStatus.Starting or InstanceStatus.Rebooting when report is { State: GuestState.Running, BootEnded: true }:
                Runs(db, instance, report, now);
                return true;
            case InstanceStatus.Running when report is { State: GuestState.Running, BootEnded: true } && !instance.Booted:
                Runs(db, instance, report, now);
                return true;
            case InstanceStatus.Running when report.DiskFull != instance.DiskFull && report.State != GuestState.Stopped:
                instance.LacksRoom(report.DiskFull, now);
                db.AddInstanceEvent(instance, report.DiskFull ? "disk-full" : "running");
                return true;
            case InstanceStatus.Running or InstanceStatus.Starting or InstanceStatus.Rebooting or InstanceStatus.Paused
                or InstanceStatus.Pausing or InstanceStatus.Resuming when report is { State: GuestState.Stopped, Exit: { } exit }:
                Ends(db, instance, exit, report.Generation, now);
                return true;
            default:
                return false;
        }
    }

    private static void Runs(ComputeDbContext db, Instance instance, GuestReport report, DateTimeOffset now)
    {
        var failed = report.Boot.FirstOrDefault(phase => phase.Error is not null);
        var reason = report.UserDataExitCode is { } code and not 0
            ? $"User data exited with {code}."
            : failed is null ? null : $"The boot's phase '{failed.Phase}' failed: {failed.Error}";
        instance.Runs(ready: report.UserDataExitCode is null or 0 && failed?.Phase != "user-data", reason, now);
        db.AddInstanceEvent(instance, "running");
    }

    /// <summary>The guest ended by itself: it is started again where its policy says so, or where its host was stopped under it.</summary>
    private static void Ends(ComputeDbContext db, Instance instance, GuestExit exit, long generation, DateTimeOffset now)
    {
        var died = exit.Kind == GuestExitKind.Failed;
        var hostStopped = exit.Kind == GuestExitKind.HostStopped;
        if (died)
        {
            instance.Fails(exit.Reason, now);
        }
        else
        {
            instance.IsStopped(exit.Reason, now);
        }

        instance.ListensFrom(generation + 1);
        db.AddInstanceEvent(instance, died ? "failed" : "stopped");
        if (hostStopped && instance.ShouldRun)
        {
            db.BeginRestart(instance, now);
        }
        else if (instance.RestartPolicy == RestartPolicy.Always || (died && instance.RestartPolicy == RestartPolicy.OnFailure))
        {
            instance.RestartsLater(now);
            if (instance.RestartAt <= now)
            {
                db.BeginRestart(instance, now);
            }
        }
        else
        {
            instance.WasStopped();
        }
    }
}
