using Cloud.Backup.Tests.Kit;

namespace Cloud.Backup.Tests.Jobs;

/// <summary>A restore begins at once, whatever else is under way.</summary>
public sealed class RestoreFirstTests(BackupServices services) : BackupTest(services.OnSqlite), IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-backups-full-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Restore_RunsBesideTheTryOfItsPoint()
    {
        const int OwnSize = VolumeBytes + (2 * 65536);
        var (volume, bytes) = AddVolume(OwnSize);
        var point = await BackUpAsync(await PlanAsync(volume));
        var gate = new TaskCompletionSource();
        Storage.Tries[OwnSize] = gate.Task;
        try
        {
            var (_, verify) = await PostAsync($"/v1/recovery-points/{point}/verify");
            await UntilAsync($"/v1/backup-jobs/{IdOf(verify)}", "running");
            var restored = await JobAsync($"/v1/recovery-points/{point}/restore", new { name = NewName("restored") });
            Storage.BytesOf(restored.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
            StatusOf(await GetAsync($"/v1/backup-jobs/{IdOf(verify)}")).ShouldBe("running");
            gate.SetResult();
            await UntilAsync($"/v1/backup-jobs/{IdOf(verify)}", "succeeded");
        }
        finally
        {
            gate.TrySetResult();
        }
    }

    [Fact]
    public async Task Restore_HasAPlace_WhereAllOthersAreTaken()
    {
        await using var service = await BackupsUnderTest.StartAsync(_folder);
        var gate = new TaskCompletionSource();
        try
        {
            var (_, point) = await BackUpAsync(service);
            for (var job = 0; job < 4; job++)
            {
                var held = AddVolumeTo(service);
                service.Storage.Gates[held] = gate.Task;
                var (_, plan) = await service.SendAsync(HttpMethod.Post, "/v1/backup-plans", PlanOf(held), Project);
                var (_, jobs) = await service.SendAsync(HttpMethod.Post, $"/v1/backup-plans/{IdOf(plan)}/run", null, Project);
                var id = IdOf(jobs.GetProperty("items")[0]);
                var path = $"/v1/backup-jobs/{id}";
                await Cloud.Testing.Eventually.HoldsAsync(
                    async () => StatusOf((await service.SendAsync(HttpMethod.Get, path, null, Project)).Body) == "running", "it runs");
            }

            var (_, restore) = await service.SendAsync(
                HttpMethod.Post, $"/v1/recovery-points/{point}/restore?wait=30", new { name = NewName("restored") }, Project);
            StatusOf(restore).ShouldBe("succeeded", restore.ToString());
        }
        finally
        {
            gate.TrySetResult();
        }
    }

    [Fact]
    public async Task Backup_MakesWayForARestoreInPlace_AndIsMadeAfterIt()
    {
        var (volume, bytes) = AddVolume();
        var plan = await PlanAsync(volume);
        var then = bytes.ToArray();
        var point = await BackUpAsync(plan);
        bytes.AsSpan(0, 200_000).Fill(9);
        var gate = new TaskCompletionSource();
        Storage.Gates[volume] = gate.Task;
        try
        {
            var (_, jobs) = await PostAsync($"/v1/backup-plans/{IdOf(plan)}/run");
            var backup = IdOf(jobs.GetProperty("items")[0]);
            await UntilAsync($"/v1/backup-jobs/{backup}", "running");
            await JobAsync($"/v1/recovery-points/{point}/restore", new { inPlace = true });
            bytes.AsSpan().SequenceEqual(then).ShouldBeTrue();
            gate.SetResult();
            await UntilAsync($"/v1/backup-jobs/{backup}", "succeeded");
            var job = await GetAsync($"/v1/backup-jobs/{backup}");
            job.GetProperty("timeline").EnumerateArray().Select(step => step.GetProperty("what").GetString()).ShouldBe(
                ["queued", "started", "made way for a restore", "started", "succeeded"]);
            var made = job.GetProperty("recoveryPoint").GetString();
            var restored = await JobAsync($"/v1/recovery-points/{made}/restore", new { name = NewName("restored") });
            Storage.BytesOf(restored.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(then).ShouldBeTrue();
        }
        finally
        {
            gate.TrySetResult();
        }
    }

    private async Task<(string Volume, string Point)> BackUpAsync(BackupsUnderTest service)
    {
        var volume = AddVolumeTo(service);
        var (_, plan) = await service.SendAsync(HttpMethod.Post, "/v1/backup-plans", PlanOf(volume), Project);
        var (_, jobs) = await service.SendAsync(HttpMethod.Post, $"/v1/backup-plans/{IdOf(plan)}/run?wait=60", null, Project);
        return (volume, jobs.GetProperty("items")[0].GetProperty("recoveryPoint").GetString()!);
    }

    private static string AddVolumeTo(BackupsUnderTest service)
    {
        var bytes = new byte[65536];
        new Random(3).NextBytes(bytes);
        return service.Storage.AddVolume(NewName("data"), bytes);
    }

    private static object PlanOf(string volume) =>
        new { name = NewName("plan"), schedule = "0 3 * * *", resources = new[] { volume }, verify = false };
}
