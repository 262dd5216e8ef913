using System.Text.Json;
using Cloud.Backup.Jobs;
using Cloud.Backup.Vaults;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Sources;

/// <summary>Instances: their settings, and all of their disks as they were at one instant.</summary>
internal sealed class InstanceSource(IInstances instances, InstanceDisks disks, BlockVolumes volumes, TimeProvider time) : IBackupSource
{
    private const string Settings = "instance";

    /// <summary>So much of an instance's name is in that of a volume.</summary>
    private const int InstanceLengthMax = 50;

    /// <summary>Longer than a guest may take to boot.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(500);

    public string Kind => "instance";

    public bool RunsOnTheHost => false;

    public bool Owns(string resource) => resource.StartsWith("i-", StringComparison.Ordinal);

    public async Task<string?> FindNameAsync(string project, string resource, CancellationToken ct) =>
        (await instances.FindAsync(project, resource, ct))?.Name;

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        instances.ListAsync(project, labels, ct);

    public async Task<TakenBackup> BackUpAsync(BackupRun run, CancellationToken ct)
    {
        var instance = await RequireAsync(run.Project, run.Resource, ct);
        var takenAt = time.GetUtcNow();
        var attached = await disks.ListAsync(run.Project, instance, ct);
        await run.KeepAsync(InstanceDisks.Plan(instance, attached, NameOfBackup(run.Job)).ToString());
        var kept = await disks.KeepAsync(run.Project, instance, attached, NameOfBackup(run.Job), [], ct);
        try
        {
            var earlier = run.EarlierSnapshot is { } before ? KeptDisks.Parse(before) : null;
            var snapshots = await disks.ReadAsync(run.Project, instance, attached, kept, earlier, ct);
            return new TakenBackup(Kind, instance.Name, takenAt, await DiskStreams.StoreAsync(run, snapshots, ct), kept.ToString())
            {
                Properties = new Dictionary<string, JsonElement>
                {
                    [Settings] = JsonSerializer.SerializeToElement(instance.Settings, JsonSerializerOptions.Web),
                },
            };
        }
        catch
        {
            await disks.ForgetAsync(run.Project, kept, CancellationToken.None);
            throw;
        }
    }

    public async Task<string> RestoreAsync(RestoreRun run, string name, CancellationToken ct) =>
        (await MakeAsync(run, name, isolated: false, ct)).Id;

    public async Task<string> RestoreInPlaceAsync(RestoreRun run, CancellationToken ct)
    {
        var instance = await RequireAsync(run.Project, run.Point.Resource, ct);
        var attached = await disks.ListAsync(run.Project, instance, ct);
        var (root, streams) = InstanceDisks.StreamsOf(run.Point);
        foreach (var (stream, volume) in streams)
        {
            await RequireReplaceableAsync(run.Project, instance, stream, volume, ct);
        }

        run.Progress.Expect(run.Point.SizeBytes);
        await StopAsync(run.Project, instance, ct);
        var kept = await disks.KeepAsync(run.Project, instance, attached, $"before-{run.Job}", streams.Select(one => one.Volume.Id), ct);
        await run.KeepAsync(kept.ToString());
        foreach (var (stream, volume) in streams)
        {
            await ReplaceAsync(
                run.Project, instance, volume, id => volumes.WriteAsync(run, stream, id, ct),
                async () => (await volumes.CreateAsync(run.Project, volume.Name, stream.SizeBytes, run.Job, ct)).Id, ct);
        }

        if (root is not null)
        {
            var (_, snapshot) = await disks.MakeRootAsync(run, root, ct);
            await instances.ReplaceRootAsync(run.Project, instance.Id, snapshot, ct);
            await disks.DropRootAsync(run.Project, run.Job, ct);
        }

        await StartAgainAsync(run.Project, instance, kept, ct);
        return kept.ToString();
    }

    public async Task UndoAsync(string project, string resource, string safety, CancellationToken ct)
    {
        var kept = KeptDisks.Parse(safety);
        var instance = await RequireAsync(project, resource, ct);
        var attached = await disks.ListAsync(project, instance, ct);
        await StopAsync(project, instance, ct);
        foreach (var (id, snapshot) in kept.Volumes)
        {
            var how = attached.FirstOrDefault(one => one.Volume.Id == id);
            var volume = new InstanceVolume(id, id, how?.ReadOnly ?? false, how?.DeleteOnTermination ?? false, null);
            await ReplaceAsync(
                project, instance, volume, own => volumes.CopyAsync(project, snapshot, own, ct),
                () => throw CloudException.NotFound("volume", id), ct);
        }

        if (kept.Root is { } root)
        {
            await instances.ReplaceRootAsync(project, instance.Id, root, ct);
        }

        await StartAgainAsync(project, instance, kept, ct);
        await disks.ForgetAsync(project, kept, ct);
    }

    /// <summary>Boots the point as an instance that reaches nobody, and has it answer.</summary>
    public async Task<TryResult> TryAsync(RestoreRun run, CancellationToken ct)
    {
        var name = NameOfTry(run.Job);
        try
        {
            var instance = await MakeAsync(run, name, isolated: true, ct);
            if (!instance.Ready && !(instance.Settings.IsContainer && instance.Status == InstanceState.Running))
            {
                return TryResult.Unproven($"It did not boot. {instance.StatusReason}".Trim());
            }

            return run.Command is { } command && await instances.ExecAsync(run.Project, instance.Id, command, ct) is not 0 and var code
                ? TryResult.Unproven($"The command ended with exit code {code}.")
                : TryResult.Good;
        }
        finally
        {
            // Also where the job was cancelled.
            await RemoveTryAsync(run.Project, run.Job, CancellationToken.None);
        }
    }

    public async Task TidyAsync(EndedJob job, CancellationToken ct)
    {
        if (job.Kind == JobKind.Verify)
        {
            await RemoveTryAsync(job.Project, job.Id, ct);
        }
        else if (job.Kind == JobKind.Restore)
        {
            // An instance that has its volumes keeps them.
            await disks.DropRootAsync(job.Project, job.Id, ct);
            await volumes.DeleteMadeByAsync(job.Project, job.Id, areFreed: false, ct);
        }
        else if (job.Kind == JobKind.Backup && job.Kept is { } kept)
        {
            await ForgetAsync(job.Project, kept, ct);
        }
    }

    public Task ForgetAsync(string project, string snapshot, CancellationToken ct) =>
        disks.ForgetAsync(project, KeptDisks.Parse(snapshot), ct);

    private async Task<InstanceState> MakeAsync(RestoreRun run, string name, bool isolated, CancellationToken ct)
    {
        var settings = run.Point.Properties[Settings].Deserialize<InstanceSettings>(JsonSerializerOptions.Web)!;
        var (root, streams) = InstanceDisks.StreamsOf(run.Point);
        run.Progress.Expect(run.Point.SizeBytes);
        var copy = new NewInstanceCopy(name, settings, InstanceDisks.NameOfRoot(run.Job), "", [], isolated);
        if (await instances.FindAsync(run.Project, name, ct) is null)
        {
            var made = new List<NewInstanceVolume>();
            foreach (var (stream, volume) in streams)
            {
                var own = await volumes.CreateAsync(
                    run.Project, NameOf(name, volume, made.Count + 1), stream.SizeBytes, run.Job, ct);
                await volumes.FillAsync(run, stream, own.Id, ct);
                made.Add(new NewInstanceVolume(own.Id, volume.ReadOnly, isolated || volume.DeleteOnTermination, volume.MountPath));
                copy = copy with { Host = own.Host! };
            }

            copy = copy with { Volumes = made };
            if (root is not null)
            {
                copy = copy with { Host = (await disks.MakeRootAsync(run, root, ct)).Host };
            }
        }

        var instance = await instances.CreateAsync(run.Project, copy, ct);
        instance = await UntilAsync(run.Project, instance, one => one.Settled, ct);
        await disks.DropRootAsync(run.Project, run.Job, ct);
        return instance;
    }

    private async Task RemoveTryAsync(string project, string job, CancellationToken ct)
    {
        while (!await instances.DeleteAsync(project, NameOfTry(job), ct))
        {
            await Task.Delay(LookAgain, time, ct);
        }

        await disks.DropRootAsync(project, job, ct);
        await volumes.DeleteMadeByAsync(project, job, areFreed: true, ct);
    }

    private static string NameOfBackup(string job) => $"backup-{job}";

    private static string NameOfTry(string job) => $"try-{job}";

    /// <exception cref="CloudException">Another instance has the volume, or it is smaller than what it is to hold.</exception>
    private async Task RequireReplaceableAsync(
        string project, InstanceState instance, PointStream stream, InstanceVolume volume, CancellationToken ct)
    {
        if (await volumes.FindAsync(project, volume.Id, ct) is not { } now)
        {
            return;
        }

        if (now.Instance is { } other && other != instance.Id)
        {
            throw CloudException.Conflict("volume-in-use", $"Instance '{other}' has volume '{now.Name}'.");
        }

        if (now.SizeBytes < stream.SizeBytes)
        {
            throw CloudException.Conflict(
                "volume-too-small", $"Volume '{now.Name}' has {now.SizeBytes} bytes, {stream.SizeBytes} are needed.");
        }
    }

    /// <summary>Takes a volume from its instance, which is stopped, has it written, and gives it back.</summary>
    private async Task ReplaceAsync(
        string project, InstanceState instance, InstanceVolume volume, Func<string, Task> write, Func<Task<string>> make,
        CancellationToken ct)
    {
        var id = volume.Id;
        if (await volumes.FindAsync(project, id, ct) is null)
        {
            id = await make();
        }
        else
        {
            await volumes.DetachAsync(project, id, ct);
        }

        await write(id);
        await volumes.AttachAsync(new BlockAttachment(project, id, instance.Id, volume.ReadOnly, volume.DeleteOnTermination), ct);
    }

    private async Task StopAsync(string project, InstanceState instance, CancellationToken ct)
    {
        if (instance.Status is not (InstanceState.Stopped or InstanceState.Failed))
        {
            var stopping = await instances.StopAsync(project, instance.Id, ct);
            await UntilAsync(project, stopping, one => one.Status is InstanceState.Stopped or InstanceState.Failed, ct);
        }
    }

    private async Task StartAgainAsync(string project, InstanceState before, KeptDisks kept, CancellationToken ct)
    {
        if (before.Status == InstanceState.Running || kept.Ran)
        {
            await UntilAsync(project, await instances.StartAsync(project, before.Id, ct), one => one.Settled, ct);
        }
    }

    private async Task<InstanceState> UntilAsync(
        string project, InstanceState instance, Func<InstanceState, bool> isDone, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (!isDone(instance))
        {
            if (time.GetElapsedTime(began) > Limit)
            {
                throw new CloudException(ErrorKind.Unavailable, "instance-slow", $"Instance '{instance.Name}' did not get done in time.");
            }

            await Task.Delay(LookAgain, time, ct);
            instance = await RequireAsync(project, instance.Id, ct);
        }

        return instance;
    }

    private async Task<InstanceState> RequireAsync(string project, string instance, CancellationToken ct) =>
        await instances.FindAsync(project, instance, ct) ?? throw CloudException.NotFound("instance", instance);

    /// <summary>A name for a restored volume, as long as a name may be.</summary>
    private static string NameOf(string instance, InstanceVolume volume, int number) =>
        ResourceName.IsValid($"{instance}-{volume.Name}")
            ? $"{instance}-{volume.Name}"
            : $"{instance[..Math.Min(InstanceLengthMax, instance.Length)]}-{number}";
}
