using System.Net;
using System.Text.Json;
using Cloud.Backup.Tests.Kit;
using Cloud.Primitives;

namespace Cloud.Backup.Tests.Jobs;

public sealed class LeftoverOnSqliteTests(BackupServices services) : LeftoverTests(services.OnSqlite);

public sealed class LeftoverOnPostgresTests(BackupServices services) : LeftoverTests(services.OnPostgres);

/// <summary>What a job was making that ends before its end is removed, and a restore in place that breaks off can be undone.</summary>
public abstract class LeftoverTests(BackupsUnderTest service) : BackupTest(service)
{
    [Fact]
    public async Task CancelledTry_LeavesNoVolume()
    {
        const int OwnSize = VolumeBytes + (3 * 65536);
        var (volume, _) = AddVolume(OwnSize);
        var point = await BackUpAsync(await PlanAsync(volume));
        var gate = new TaskCompletionSource();
        Storage.Tries[OwnSize] = gate.Task;
        try
        {
            var (_, job) = await PostAsync($"/v1/recovery-points/{point}/verify");
            var name = $"try-{TailOf(job)}";
            await HoldsAsync(() => Storage.VolumeNames().Contains(name), "it has begun to be made");
            await JobAsync($"/v1/backup-jobs/{IdOf(job)}/cancel", expected: "cancelled");
            await HoldsAsync(() => !Storage.VolumeNames().Contains(name), "it is gone");
        }
        finally
        {
            gate.SetResult();
            Storage.Tries.TryRemove(OwnSize, out _);
        }
    }

    [Fact]
    public async Task CancelledRestore_LeavesNoPartOfAVolume_AndItsRetryMakesAllOfIt()
    {
        var (volume, bytes) = AddVolume();
        var point = await BackUpAsync(await PlanAsync(volume));
        var name = NewName("restored");
        var gate = new TaskCompletionSource();
        Storage.Writes[name] = gate.Task;
        var (_, job) = await PostAsync($"/v1/recovery-points/{point}/restore", new { name });
        await HoldsAsync(() => Storage.VolumeNames().Contains(name), "it has begun to be made");
        await JobAsync($"/v1/backup-jobs/{IdOf(job)}/cancel", expected: "cancelled");
        await HoldsAsync(() => !Storage.VolumeNames().Contains(name), "it is gone");
        gate.SetResult();
        var again = await JobAsync($"/v1/backup-jobs/{IdOf(job)}/retry");
        Storage.BytesOf(again.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
    }

    [Fact]
    public async Task CancelledRestoreInPlace_IsUndoneByOneCall()
    {
        var bytes = new byte[VolumeBytes];
        new Random(2).NextBytes(bytes);
        var name = NewName("data");
        var volume = Storage.AddVolume(name, bytes);
        var then = bytes.ToArray();
        var point = await BackUpAsync(await PlanAsync(volume));
        bytes.AsSpan(0, 300_000).Fill(3);
        var now = bytes.ToArray();
        var gate = new TaskCompletionSource();
        Storage.Writes[name] = gate.Task;
        var (_, job) = await PostAsync($"/v1/recovery-points/{point}/restore", new { inPlace = true });
        await HoldsAsync(() => bytes.AsSpan().SequenceEqual(then), "it is written over");
        RefusalOf(await PostAsync($"/v1/recovery-points/{point}/undo-restore"), HttpStatusCode.Conflict).ShouldBe("restore-under-way");
        await JobAsync($"/v1/backup-jobs/{IdOf(job)}/cancel", expected: "cancelled");
        gate.SetResult();
        (await PostAsync($"/v1/recovery-points/{point}/undo-restore")).Status.ShouldBe(HttpStatusCode.OK);
        bytes.AsSpan().SequenceEqual(now).ShouldBeTrue();
    }

    [Fact]
    public async Task WhatCannotBeRemovedAtOnce_IsRemovedLater()
    {
        var (volume, _) = AddVolume();
        var plan = await PlanAsync(volume);
        var gate = new TaskCompletionSource();
        Storage.Gates[volume] = gate.Task;
        var (_, jobs) = await PostAsync($"/v1/backup-plans/{IdOf(plan)}/run");
        var job = jobs.GetProperty("items")[0];
        await HoldsAsync(() => Storage.SnapshotsOf(volume).Count == 1, "the snapshot is taken");
        var (id, name) = ((await Storage.FindSnapshotAsync(Project, $"backup-{TailOf(job)}", default))!.Id, $"backup-{TailOf(job)}");
        Storage.Removals[id] = Storage.Removals[name] = new CloudException(ErrorKind.Unavailable, "away", "Block storage is away.");
        var (_, cancelled) = await PostAsync($"/v1/backup-jobs/{IdOf(job)}/cancel?wait=30");
        gate.SetResult();
        await HoldsAsync(async () => StatusOf(await GetAsync($"/v1/backup-jobs/{IdOf(job)}")) is "cancelled" or "failed", "it ends");
        Storage.SnapshotsOf(volume).ShouldHaveSingleItem();
        Storage.Removals.Clear();
        await HoldsAsync(() => Storage.SnapshotsOf(volume).Count == 0, cancelled.ToString());
    }

    [Fact]
    public async Task SnapshotThatIsStillBeingTaken_IsWaitedFor_AndTheBackupGoesOn()
    {
        var (volume, _) = AddVolume();
        var plan = await PlanAsync(volume);
        var gate = new TaskCompletionSource();
        Storage.Gates[volume] = gate.Task;
        var (_, jobs) = await PostAsync($"/v1/backup-plans/{IdOf(plan)}/run");
        var job = jobs.GetProperty("items")[0];
        await HoldsAsync(() => Storage.SnapshotsOf(volume).Count == 1, "the snapshot is taken");
        var (id, name) = ((await Storage.FindSnapshotAsync(Project, $"backup-{TailOf(job)}", default))!.Id, $"backup-{TailOf(job)}");
        Storage.Removals[id] = Storage.Removals[name] = CloudException.Conflict("snapshot-busy", "It is being taken.");
        Storage.Refusals[volume] = new CloudException(ErrorKind.Unavailable, "away", "Block storage is away.");
        gate.SetResult();
        await HoldsAsync(() => Storage.Refusals.IsEmpty, "it has failed");
        await Task.Delay(TimeSpan.FromMilliseconds(500));
        Storage.Removals.Clear();
        await UntilAsync($"/v1/backup-jobs/{IdOf(job)}", "succeeded");
        (await GetAsync($"/v1/backup-jobs/{IdOf(job)}")).GetProperty("attempts").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task PointThatGoes_StaysUntilItsTryHasEnded()
    {
        const int OwnSize = VolumeBytes + (4 * 65536);
        var (vault, volume, other) = (await NewVaultAsync(), AddVolume(OwnSize).Id, AddVolume().Id);
        var point = await BackUpAsync(await PlanAsync(volume, new { vault }));
        var another = await BackUpAsync(await PlanAsync(other, new { vault }));
        var gate = new TaskCompletionSource();
        Storage.Tries[OwnSize] = gate.Task;
        try
        {
            var (_, job) = await PostAsync($"/v1/recovery-points/{point}/verify");
            await HoldsAsync(() => Storage.VolumeNames().Contains($"try-{TailOf(job)}"), "it has begun");
            foreach (var gone in new[] { point, another })
            {
                (await SendAsync(HttpMethod.Delete, $"/v1/recovery-points/{gone}")).Status.ShouldBe(HttpStatusCode.NoContent);
            }

            await HoldsAsync(
                async () => (await GetAsync($"/v1/vaults/{vault}")).GetProperty("prunedAt").ValueKind != JsonValueKind.Null, "prune");
            gate.SetResult();
            await UntilAsync($"/v1/backup-jobs/{IdOf(job)}", "succeeded");
            await HoldsAsync(
                async () => (await GetAsync($"/v1/vaults/{vault}")).GetProperty("storedBytes").GetInt64() == 0, "nothing is left");
        }
        finally
        {
            gate.TrySetResult();
            Storage.Tries.TryRemove(OwnSize, out _);
        }
    }

    private static string TailOf(JsonElement job) => IdOf(job)["job-".Length..];

    private static Task HoldsAsync(Func<bool> holds, string what) => HoldsAsync(() => Task.FromResult(holds()), what);

    private static Task HoldsAsync(Func<Task<bool>> holds, string what) => Cloud.Testing.Eventually.HoldsAsync(holds, what);
}
