using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.WarmStates;

/// <summary>
/// The steps of making a warm state. Each can run twice with the outcome of once; for a row that is gone they do nothing.
/// </summary>
internal sealed class WarmStateSteps(
    IDbContextFactory<ComputeDbContext> databases, HostDirectory hosts, ChangeSignals signals, TimeProvider time)
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    /// <summary>What a guest at rest takes of a processor, at most.</summary>
    private const double RestCpuShare = 0.1;

    /// <summary>After this many looks it is kept as it is: a guest may never rest.</summary>
    private const int RestLooksMax = 20;

    private const string GuestName = "warm";

    // The first address of its project's network, in which it is alone.
    private static readonly string Address = InstanceAddresses.Choose(new HashSet<string>());

    public async Task<StepResult> AwaitImageAsync(WarmStateSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await FindAsync(db, data, ct) is not { } state)
        {
            return StepResult.Done;
        }

        var image = await db.Images.AsNoTracking().SingleAsync(row => row.Id == state.Image, ct);
        if (image.Status is ImageStatus.Building or ImageStatus.Importing)
        {
            return StepResult.Again(LookAgain);
        }

        if (image is not { Status: ImageStatus.Active, GuestAgent: true } || image.MinMemoryBytes > state.MemoryBytes)
        {
            throw CloudException.Conflict(
                "image-unusable",
                $"Image '{image.Name}' is not there, has no guest agent, or needs more memory than type '{state.Type}' has.");
        }

        await ChangeAsync(data, (row, now) => row.TakesFiles(GuestSpecs.FilesOf(image), image.DiskSizeBytes, now), ct);
        return StepResult.Done;
    }

    public Task<StepResult> DefineAsync(WarmStateSagaData data, CancellationToken ct) =>
        WithHostAsync(data, (state, agent) => agent.DefineAsync(Describe(state, state.Guest), ct), ct);

    public Task<StepResult> BootAsync(WarmStateSagaData data, CancellationToken ct) =>
        WithHostAsync(data, async (state, agent) =>
        {
            if (await agent.FindAsync(state.Guest, ct) is not { State: GuestState.Running })
            {
                await agent.StartAsync(state.Guest, ct);
            }
        }, ct);

    public Task<StepResult> AwaitReadyAsync(WarmStateSagaData data, CancellationToken ct) =>
        AwaitBootAsync(data, state => state.Guest, ct);

    /// <summary>Until the guest does next to nothing: what it was about to do, every copy would do.</summary>
    public Task<StepResult> AwaitRestAsync(WarmStateSagaData data, CancellationToken ct) =>
        WithHostAsync(data, async (state, agent) =>
        {
            var spent = (await agent.ReadMetricsAsync(state.Guest, ct)).CpuSeconds;
            for (var looks = 0; looks < RestLooksMax; looks++)
            {
                await Task.Delay(LookAgain, time, ct);
                var now = (await agent.ReadMetricsAsync(state.Guest, ct)).CpuSeconds;
                if (now - spent < RestCpuShare * LookAgain.TotalSeconds)
                {
                    return;
                }

                spent = now;
            }
        }, ct);

    public Task<StepResult> TakeAsync(WarmStateSagaData data, CancellationToken ct) =>
        WithHostAsync(data, async (state, agent) =>
        {
            var taken = await agent.SnapshotAsync(state.Guest, state.Snapshot, withVolumes: false, ct);
            await ChangeAsync(data, (row, now) => row.IsKept(taken.StoredBytes, now), ct);
        }, ct);

    public Task<StepResult> TakeBackAsync(WarmStateSagaData data, CancellationToken ct) =>
        WithHostAsync(data, (state, agent) => agent.DeleteGuestSnapshotAsync(state.Snapshot, ct), ct);

    public Task<StepResult> RemoveAsync(WarmStateSagaData data, CancellationToken ct) =>
        WithHostAsync(data, (state, agent) => agent.RemoveAsync(state.Guest, ct), ct);

    /// <summary>Also lays the snapshot out in the host's memory, for the first instance that goes on from it.</summary>
    public Task<StepResult> TryAsync(WarmStateSagaData data, CancellationToken ct) =>
        WithHostAsync(data, async (state, agent) =>
        {
            await agent.DefineAsync(Describe(state, state.Trial) with { ForkOf = state.Snapshot, BeginsAnew = true }, ct);
            await agent.StartAsync(state.Trial, ct);
        }, ct);

    public Task<StepResult> AwaitTrialAsync(WarmStateSagaData data, CancellationToken ct) =>
        AwaitBootAsync(data, state => state.Trial, ct);

    public Task<StepResult> RemoveTrialAsync(WarmStateSagaData data, CancellationToken ct) =>
        WithHostAsync(data, (state, agent) => agent.RemoveAsync(state.Trial, ct), ct);

    public async Task<StepResult> SayActiveAsync(WarmStateSagaData data, CancellationToken ct)
    {
        await ChangeAsync(data, (row, now) => row.IsActive(now), ct);
        return StepResult.Done;
    }

    public Task FailAsync(WarmStateSagaData data, string reason, CancellationToken ct) =>
        ChangeAsync(data, (row, now) => row.Fails(reason, now), ct);

    private Task<StepResult> AwaitBootAsync(WarmStateSagaData data, Func<WarmState, string> guest, CancellationToken ct) =>
        AskAsync(data, async (state, agent) => await agent.FindAsync(guest(state), ct) switch
        {
            { State: GuestState.Running, BootEnded: true } => StepResult.Done,
            { State: GuestState.Running } => StepResult.Again(LookAgain),
            var ended => throw CloudException.Conflict(
                HostErrors.NotRunning, $"Its machine ended before it was ready: {ended?.Exit?.Reason ?? "its host does not have it."}"),
        }, ct);

    private Task<StepResult> WithHostAsync(WarmStateSagaData data, Func<WarmState, IHostAgent, Task> act, CancellationToken ct) =>
        AskAsync(data, async (state, agent) =>
        {
            await act(state, agent);
            return StepResult.Done;
        }, ct);

    private async Task<StepResult> AskAsync(
        WarmStateSagaData data, Func<WarmState, IHostAgent, Task<StepResult>> ask, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await FindAsync(db, data, ct) is { } state ? await ask(state, hosts.AgentOf(state.HostName)) : StepResult.Done;
    }

    /// <summary>Where the row is being warmed; one that is gone, or was taken the place of, has nothing to be changed.</summary>
    private async Task ChangeAsync(WarmStateSagaData data, Action<WarmState, DateTimeOffset> change, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await db.WarmStates.SingleOrDefaultAsync(row => row.Id == data.State && row.Status == WarmStateStatus.Warming, ct) is { } row)
        {
            change(row, time.GetUtcNow());
            await db.SaveIfThereAsync(ct);
            signals.Changed(data.State.Value);
        }
    }

    private static Task<WarmState?> FindAsync(ComputeDbContext db, WarmStateSagaData data, CancellationToken ct) =>
        db.WarmStates.AsNoTracking().SingleOrDefaultAsync(row => row.Id == data.State, ct);

    private static GuestSpec Describe(WarmState state, string guest) => new()
    {
        Id = guest,
        Project = guest,
        ProjectName = GuestName,
        HostName = GuestName,
        Engine = state.Engine,
        Vcpus = state.Vcpus,
        MemoryBytes = state.MemoryBytes,
        RootDiskBytes = state.RootDiskBytes,
        Image = state.Files!,
        MacAddress = InstanceAddresses.MacOf(Address),
        Address = Address,
    };
}
