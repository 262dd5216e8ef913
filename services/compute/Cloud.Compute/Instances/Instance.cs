using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Compute.Instances;

/// <summary>
/// A machine as its user sees it. The row holds what was asked for (<see cref="ShouldRun"/>) and what is (<see cref="Status"/>).
/// <code>
///  provisioning ─▶ starting ─▶ running ◀─▶ pausing / paused / resuming / suspending / suspended
///       │             ▲  │      │  ▲ └───▶ rebooting / restoring / migrating
///       ▼             │  ▼      ▼  │
///     failed ─────────┴─ stopping ─▶ stopped ─▶ resizing
///  any ─▶ deleting ─▶ deleted
/// </code>
/// Every state on the way (<see cref="Deadline"/>) has a deadline; the saga that moves it is its owner.
/// </summary>
internal sealed class Instance : IVersioned
{
    /// <summary>Until the host has begun the boot that was asked for, all that it reports is of a run before.</summary>
    private const long DeafToReports = long.MaxValue;

    private const string NoRoom = "Its host's disk is full: the guest stands still, and goes on when there is room.";

    private Instance()
    {
    }

    public InstanceId Id { get; private init; }

    public string Project { get; private init; } = "";

    public string ProjectName { get; private init; } = "";

    public string Name { get; private set; } = "";

    public Labels Labels
    {
        get => Labels.FromText(LabelText);
        private set => LabelText = value.Text;
    }

    /// <summary>The labels as they are stored and searched.</summary>
    public string LabelText { get; private set; } = "";

    public InstanceStatus Status { get; private set; }

    public string? StatusReason { get; private set; }

    /// <summary>What the user asked for last.</summary>
    public bool ShouldRun { get; private set; }

    /// <summary>When a state on the way is over, whatever happens; null at rest.</summary>
    public DateTimeOffset? Deadline { get; private set; }

    public ImageId Image { get; private init; }

    public string ImageName { get; private init; } = "";

    /// <summary>The image's files as they were at the first boot; null before. A newer build changes nothing for it.</summary>
    public GuestImage? BootsFrom { get; private set; }

    /// <summary>The snapshot of another instance that its first start goes on from; null where it booted.</summary>
    public string? ForkOf { get; private init; }

    /// <summary>The snapshot of its image's warm state that its first start goes on from; null where it boots.</summary>
    public string? WarmFrom { get; private init; }

    /// <summary>It could not go on from that, and boots.</summary>
    public bool WarmFailed { get; private set; }

    /// <summary>Why it goes on from its image's warm state, or why not; null where its image is not warm.</summary>
    public string? WarmReason { get; private set; }

    /// <summary>Its first start goes on from what its image was after a boot.</summary>
    public bool GoesOnWarm => WarmFrom is not null && !WarmFailed;

    /// <summary>What it was restored from; null where it began as its image.</summary>
    public InstanceOrigin? Origin { get; private init; }

    public string Type { get; private set; } = "";

    public int Vcpus { get; private set; }

    public long MemoryBytes { get; private set; }

    public long RootDiskBytes { get; private set; }

    /// <summary>As asked: <c>auto</c>, or one by name.</summary>
    public string EngineAsked { get; private init; } = "";

    /// <summary>What it came to, and why; null until placed.</summary>
    public string? Engine { get; private set; }

    public string? EngineReason { get; private set; }

    public HostId? Host { get; private set; }

    public string? HostName { get; private set; }

    /// <summary>The host that it is on its way to; null for none.</summary>
    public string? MigratesTo { get; private set; }

    /// <summary>Its latest way to another host; null for none.</summary>
    public InstanceMigration? Migration { get; private set; }

    public string? UserData { get; private init; }

    /// <summary>The public keys that may log in, as they were when the instance was made.</summary>
    public IReadOnlyList<string> AuthorizedKeys { get; private init; } = [];

    public string? KeyPair { get; private init; }

    /// <summary>In its project's network.</summary>
    public string Address { get; private init; } = "";

    public string MacAddress { get; private init; } = "";

    public IReadOnlyList<InstancePort> Ports { get; private init; } = [];

    /// <summary>The volumes that it was created with, until its first start; a create that fails gives them back.</summary>
    public IReadOnlyList<AwaitedVolume> VolumesAwaited { get; private set; } = [];

    public RestartPolicy RestartPolicy { get; private set; }

    public bool DeletionProtection { get; private set; }

    /// <summary>What was asked of a container beyond its image; null for a machine.</summary>
    public InstanceContainer? Container { get; private init; }

    /// <summary>How often it was started again because it died soon after its start.</summary>
    public int RestartCount { get; private set; }

    /// <summary>When it is started again; null where it is not to be.</summary>
    public DateTimeOffset? RestartAt { get; private set; }

    /// <summary>When the present run began.</summary>
    public DateTimeOffset? StartedAt { get; private set; }

    /// <summary>The boot reached its end and user data's exit code was 0.</summary>
    public bool Ready { get; private set; }

    /// <summary>The boot of this run has reached its end, or the time for it is over: nothing more is to be waited for.</summary>
    public bool Booted { get; private set; }

    /// <summary>Reports of the host with an older generation are of a run before this one.</summary>
    public long Generation { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    /// <summary>Nothing is under way: what was asked for is, or it failed.</summary>
    public bool Settled => Status switch
    {
        InstanceStatus.Running => Booted,
        InstanceStatus.Stopped or InstanceStatus.Paused or InstanceStatus.Suspended or InstanceStatus.Failed
            or InstanceStatus.Deleted => true,
        _ => false,
    };

    public static Instance Create(NewInstance asked, DateTimeOffset now) => new()
    {
        Id = asked.Id,
        Project = asked.Project,
        ProjectName = asked.ProjectName,
        Name = asked.Name,
        Labels = asked.Labels,
        Status = InstanceStatus.Provisioning,
        ShouldRun = true,
        Deadline = now + InstanceLimits.Provisioning,
        Image = asked.Image,
        ImageName = asked.ImageName,
        Type = asked.Type,
        Vcpus = asked.Vcpus,
        MemoryBytes = asked.MemoryBytes,
        RootDiskBytes = asked.RootDiskBytes,
        EngineAsked = asked.EngineAsked,
        Engine = asked.Engine,
        EngineReason = asked.EngineReason,
        Host = asked.Host,
        HostName = asked.HostName,
        UserData = asked.UserData,
        AuthorizedKeys = asked.AuthorizedKeys,
        KeyPair = asked.KeyPair,
        Address = asked.Address,
        MacAddress = asked.MacAddress,
        Ports = asked.Ports,
        VolumesAwaited = asked.VolumesAwaited,
        RestartPolicy = asked.RestartPolicy,
        DeletionProtection = asked.DeletionProtection,
        Container = asked.Container,
        ForkOf = asked.ForkOf,
        WarmFrom = asked.WarmFrom,
        WarmReason = asked.WarmReason,
        Origin = asked.Origin,
        BootsFrom = asked.BootsFrom,
        CreatedAt = now,
        UpdatedAt = now,
    };

    public void Rename(string name, DateTimeOffset now)
    {
        Name = name;
        UpdatedAt = now;
    }

    public void Relabel(Labels labels, DateTimeOffset now)
    {
        Labels = labels;
        UpdatedAt = now;
    }

    public void Protect(bool deletionProtection, DateTimeOffset now)
    {
        DeletionProtection = deletionProtection;
        UpdatedAt = now;
    }

    public void Restarts(RestartPolicy policy, DateTimeOffset now)
    {
        RestartPolicy = policy;
        UpdatedAt = now;
    }

    /// <exception cref="CloudException">The instance is neither stopped nor failed.</exception>
    public void BeginStart(DateTimeOffset now)
    {
        Require("start", InstanceStatus.Stopped, InstanceStatus.Failed);
        ShouldRun = true;
        RestartAt = null;
        Boots(InstanceStatus.Starting, now);
        Generation = DeafToReports;
    }

    public void BeginStop(DateTimeOffset now)
    {
        Require(
            "stop", InstanceStatus.Running, InstanceStatus.Starting, InstanceStatus.Paused, InstanceStatus.Suspended,
            InstanceStatus.Rebooting);
        ShouldRun = false;
        Enter(InstanceStatus.Stopping, null, now, InstanceLimits.Stopping);
    }

    public void BeginReboot(DateTimeOffset now)
    {
        Require("reboot", InstanceStatus.Running);
        Boots(InstanceStatus.Rebooting, now);
        Generation = DeafToReports;
    }

    public void BeginPause(DateTimeOffset now)
    {
        Require("pause", InstanceStatus.Running);
        Enter(InstanceStatus.Pausing, null, now, InstanceLimits.Pausing);
    }

    public void BeginResume(DateTimeOffset now)
    {
        Require("resume", InstanceStatus.Paused, InstanceStatus.Suspended);
        Enter(InstanceStatus.Resuming, null, now, InstanceLimits.Saving);
    }

    public void BeginSuspend(DateTimeOffset now)
    {
        RequireKept("suspend");
        Enter(InstanceStatus.Suspending, null, now, InstanceLimits.Saving);
    }

    /// <summary>
    /// Goes to another host, running or not. Has no deadline: the saga that moves it ends it, with what both hosts say.
    /// </summary>
    public void BeginMigrate(InstanceMigration migration, DateTimeOffset now)
    {
        Require(
            "migrate", InstanceStatus.Running, InstanceStatus.Paused, InstanceStatus.Suspended, InstanceStatus.Stopped,
            InstanceStatus.Failed);
        if (migration.To == HostName)
        {
            throw CloudException.Conflict("already-there", $"Instance '{Name}' is on host '{HostName}' already.");
        }

        (MigratesTo, Migration) = (migration.To, migration with { Was = Status });
        Enter(InstanceStatus.Migrating, StatusReason, now, null);
    }

    /// <summary>It is to stay where it is, if it can still be.</summary>
    public void CancelMigration(DateTimeOffset now)
    {
        Require("cancel its migration", InstanceStatus.Migrating);
        (Migration, UpdatedAt) = (Migration! with { CancelAsked = true }, now);
    }

    /// <summary>Its guest is on the other host.</summary>
    /// <param name="status">As what it goes on: where that is what it was, for the same reason.</param>
    public void IsMigrated(HostId host, InstanceMigration migration, InstanceStatus status, DateTimeOffset now)
    {
        (Host, HostName, MigratesTo, Migration) = (host, migration.To, null, migration);
        Enter(status, status == migration.Was ? StatusReason : null, now, null);
    }

    /// <summary>Its guest stays where it was.</summary>
    /// <param name="status">As what it goes on.</param>
    public void IsNotMigrated(InstanceMigration migration, InstanceStatus status, DateTimeOffset now)
    {
        (MigratesTo, Migration, Ready) = (null, migration, Ready && status != InstanceStatus.Failed);
        Enter(status, $"It was not migrated: {migration.Reason}", now, null);
    }

    /// <summary>Whether its guest goes to another host while it runs; others are ended there, or kept, and go at rest.</summary>
    public bool MovesRunning => Engine is not ("container" or "simulation");

    /// <summary>Goes back to what a snapshot of it holds.</summary>
    public void BeginRestore(DateTimeOffset now)
    {
        Require(
            "restore", InstanceStatus.Running, InstanceStatus.Paused, InstanceStatus.Suspended, InstanceStatus.Stopped,
            InstanceStatus.Failed);
        ShouldRun = true;
        RestartAt = null;
        StartedAt = now;
        Enter(InstanceStatus.Restoring, null, now, InstanceLimits.Saving);
    }

    /// <exception cref="CloudException">The instance does not run, or by an engine that cannot keep what a guest is.</exception>
    public void RequireKept(string verb)
    {
        if (Engine == "container")
        {
            throw CloudException.Conflict("engine-keeps-no-states", $"Engine '{Engine}' cannot keep what a guest is, to {verb} it.");
        }

        Require(verb, InstanceStatus.Running);
    }

    public void BeginResize(string type, int vcpus, long memoryBytes, long rootDiskBytes, DateTimeOffset now)
    {
        // A machine's board is of a fixed size while it runs; a container's limits are not.
        Require("resize", InstanceStatus.Stopped, Container is null ? InstanceStatus.Stopped : InstanceStatus.Running);
        Type = type;
        Vcpus = vcpus;
        MemoryBytes = memoryBytes;
        RootDiskBytes = Container is null ? Math.Max(RootDiskBytes, rootDiskBytes) : 0;
        Enter(InstanceStatus.Resizing, null, now, InstanceLimits.Pausing);
    }

    /// <exception cref="CloudException">Deletion protection is on.</exception>
    public void BeginDelete(DateTimeOffset now)
    {
        if (DeletionProtection)
        {
            throw CloudException.Conflict("deletion-protected", $"Instance '{Name}' has deletionProtection; set it to false first.");
        }

        if (Status == InstanceStatus.Migrating)
        {
            throw CloudException.Conflict(
                "wrong-status", $"Instance '{Name}' is on its way to another host: wait for it, or POST …/migrate/cancel first.");
        }

        ShouldRun = false;
        RestartAt = null;
        Enter(InstanceStatus.Deleting, null, now, InstanceLimits.Deleting);
    }

    /// <summary>The host has begun to boot the guest.</summary>
    public void Boots(InstanceStatus status, DateTimeOffset now)
    {
        Ready = false;
        Booted = false;
        StartedAt = now;
        Enter(status, null, now, InstanceLimits.Booting);
    }

    /// <summary>The guest runs; its boot has ended, well or not, or was not waited for any longer.</summary>
    public void Runs(bool ready, string? reason, DateTimeOffset now)
    {
        Ready = ready;
        Booted = true;
        Enter(InstanceStatus.Running, reason, now, null);
    }

    public void IsSuspended(DateTimeOffset now) => Enter(InstanceStatus.Suspended, null, now, null);

    /// <summary>Its guest stands still at a write for which its host has no room.</summary>
    public bool DiskFull => Status == InstanceStatus.Running && StatusReason == NoRoom;

    /// <summary>Its guest stands still because its host's disk is full, or goes on.</summary>
    public void LacksRoom(bool lacks, DateTimeOffset now) => Enter(Status, lacks ? NoRoom : null, now, null);

    public void IsPaused(DateTimeOffset now) => Enter(InstanceStatus.Paused, null, now, null);

    public void IsStopped(string? reason, DateTimeOffset now)
    {
        Ready = false;
        Booted = false;
        Enter(InstanceStatus.Stopped, reason, now, null);
    }

    /// <summary>The guest powered itself off, or died and is not to be started again: that is what is wanted from now on.</summary>
    public void WasStopped() => (ShouldRun, RestartCount) = (false, 0);

    public void Fails(string reason, DateTimeOffset now)
    {
        (Ready, MigratesTo) = (false, null);
        Enter(InstanceStatus.Failed, reason, now, null);
    }

    public void IsDeleted(DateTimeOffset now) => Enter(InstanceStatus.Deleted, null, now, null);

    /// <summary>Its root disk is made over these files, and is at least as large as theirs.</summary>
    public void TakesFiles(GuestImage files, long diskBytes, DateTimeOffset now)
    {
        BootsFrom = files;
        RootDiskBytes = Container is null ? Math.Max(RootDiskBytes, diskBytes) : 0;
        UpdatedAt = now;
    }

    /// <summary>What was to be its start was not to be had, or did not come to run: it boots.</summary>
    public void GoesCold(string reason, DateTimeOffset now) => (WarmFailed, WarmReason, UpdatedAt) = (true, $"It boots: {reason}", now);

    /// <summary>It has the volumes it was created with; from now on they come and go by attach and detach alone.</summary>
    public void HasItsVolumes(DateTimeOffset now) => (VolumesAwaited, UpdatedAt) = ([], now);

    /// <summary>
    /// It died and is to be started again: at once where it ran for a while, else later each time, so that a guest that cannot boot does
    /// not keep its host busy.
    /// </summary>
    public void RestartsLater(DateTimeOffset now)
    {
        RestartCount = now - StartedAt < InstanceLimits.RanWell ? RestartCount + 1 : 0;
        var seconds = RestartCount <= 1 ? 0 : Math.Min(InstanceLimits.RestartDelayMax.TotalSeconds, Math.Pow(2, RestartCount));
        RestartAt = now + TimeSpan.FromSeconds(seconds);
        if (seconds > 0)
        {
            StatusReason = $"{StatusReason} It is started again in {seconds} s, attempt {RestartCount}.";
        }
    }

    /// <summary>The guest's processors go on; how its boot went stands.</summary>
    public void GoesOn(DateTimeOffset now) => Enter(InstanceStatus.Running, null, now, null);

    /// <summary>The state on the way is gone about once more.</summary>
    public void TakesLonger(TimeSpan limit, DateTimeOffset now) => Enter(Status, StatusReason, now, limit);

    /// <summary>Reports count again, from this generation on: of the run that is under way.</summary>
    public void ListensFrom(long generation) => Generation = generation;

    private void Enter(InstanceStatus status, string? reason, DateTimeOffset now, TimeSpan? limit)
    {
        Status = status;
        StatusReason = reason;
        Deadline = now + limit;
        UpdatedAt = now;
    }

    private void Require(string verb, params ReadOnlySpan<InstanceStatus> allowed)
    {
        if (!allowed.Contains(Status))
        {
            var states = string.Join(" or ", allowed.ToArray().Distinct().Select(status => status.ToString().ToLowerInvariant()));
            throw CloudException.Conflict(
                "wrong-status",
                $"Instance '{Name}' is {Status.ToString().ToLowerInvariant()}; to {verb} it, it must be {states}.");
        }
    }
}
