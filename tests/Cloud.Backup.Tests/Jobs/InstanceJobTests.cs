using System.Net;
using System.Text.Json;
using Cloud.Backup.Tests.Kit;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.Testing;

namespace Cloud.Backup.Tests.Jobs;

public sealed class InstanceJobOnSqliteTests(BackupServices services) : InstanceJobTests(services.OnSqlite);

public sealed class InstanceJobOnPostgresTests(BackupServices services) : InstanceJobTests(services.OnPostgres);

public abstract class InstanceJobTests(BackupsUnderTest service) : BackupTest(service)
{
    private const int RootBytes = 2 << 20;

    [Fact]
    public async Task Increment_ReadsWhatChangedOnEachDisk_AndTheOlderPointRestoresAfterTheInstanceIsGone()
    {
        var (instance, volume) = await AddInstanceAsync();
        var (root, data) = (Compute.RootOf(instance), Storage.BytesOf(volume));
        var (rootThen, dataThen) = (root.ToArray(), data.ToArray());
        var plan = await PlanAsync(instance);
        var first = await BackUpAsync(plan);
        root[5]++;
        data[200_000]++;
        var second = await RunAsync(plan);
        second.GetProperty("bytesRead").GetInt64().ShouldBe(2 * 65536);
        await Eventually.HoldsAsync(
            () => Task.FromResult(Compute.SnapshotsOf(instance).Count == 1 && Storage.SnapshotsOf(volume).Count == 1), "old snapshots go");

        await Compute.DeleteAsync("", instance, CancellationToken.None);
        Storage.Remove(volume);
        var name = NewName("again");
        var job = await JobAsync($"/v1/recovery-points/{first}/restore", new { name });
        var restored = job.GetProperty("restored").GetString()!;
        Compute.RootOf(restored).AsSpan().SequenceEqual(rootThen).ShouldBeTrue();
        var attached = await Storage.ListAttachedAsync("", restored, CancellationToken.None);
        Storage.BytesOf(attached.Single().Volume.Id).AsSpan().SequenceEqual(dataThen).ShouldBeTrue();
        attached.Single().Volume.Name.ShouldStartWith(name);
        Compute.Of(restored).Settings.UserData.ShouldBe("#!/bin/sh");
        Storage.VolumeNames().ShouldNotContain(one => one.StartsWith("restored-root", StringComparison.Ordinal));
        RefusalOf(await PostAsync($"/v1/recovery-points/{first}/restore", new { name }), HttpStatusCode.Conflict).ShouldBe("name-taken");
    }

    [Fact]
    public async Task RestoreInPlace_BringsAllDisksBack_AndIsUndoneByOneCall()
    {
        var (instance, volume) = await AddInstanceAsync();
        var (rootThen, dataThen) = (Compute.RootOf(instance).ToArray(), Storage.BytesOf(volume).ToArray());
        var point = await BackUpAsync(await PlanAsync(instance));
        Compute.RootOf(instance).AsSpan(0, 100_000).Fill(7);
        Storage.BytesOf(volume).AsSpan(0, 100_000).Fill(8);
        var (rootNow, dataNow) = (Compute.RootOf(instance).ToArray(), Storage.BytesOf(volume).ToArray());

        await JobAsync($"/v1/recovery-points/{point}/restore", new { inPlace = true });
        ShouldHold(rootThen, dataThen);
        (await PostAsync($"/v1/recovery-points/{point}/undo-restore")).Status.ShouldBe(HttpStatusCode.OK);
        ShouldHold(rootNow, dataNow);

        void ShouldHold(byte[] root, byte[] data)
        {
            Compute.RootOf(instance).AsSpan().SequenceEqual(root).ShouldBeTrue();
            Storage.BytesOf(volume).AsSpan().SequenceEqual(data).ShouldBeTrue();
            Compute.Of(instance).Status.ShouldBe(InstanceState.Running);
        }
    }

    [Fact]
    public async Task Verify_BootsAlone_RunsTheCommand_AndThrowsAway()
    {
        var (instance, _) = await AddInstanceAsync();
        var plan = await PlanAsync(instance, new { verify = new { command = new[] { "/bin/true" } } });
        plan.GetProperty("verify").GetProperty("command")[0].GetString().ShouldBe("/bin/true");
        var point = await BackUpAsync(plan);
        await ShouldBeTriedAsync(point, "restorable");
        var copy = Compute.Copies.Last(copy => copy.Settings == Compute.Of(instance).Settings || copy.Isolated);
        copy.Isolated.ShouldBeTrue();
        Compute.Names.ShouldNotContain(copy.Name);
        Storage.VolumeNames().ShouldNotContain(name => name.StartsWith(copy.Name, StringComparison.Ordinal));
    }

    [Fact]
    public async Task PointThatDoesNotBoot_IsNotCalledGood_AndCanBeRestoredAllTheSame()
    {
        var (instance, _) = await AddInstanceAsync();
        Compute.RootOf(instance)[0] = FakeCompute.Unbootable;
        var point = await BackUpAsync(await PlanAsync(instance, new { verify = true }));
        await ShouldBeTriedAsync(point, "It did not boot. There is no kernel.");
        StatusOf(await GetAsync($"/v1/recovery-points/{point}")).ShouldBe("available");
        await JobAsync($"/v1/recovery-points/{point}/restore", new { name = NewName("again") });
    }

    [Fact]
    public async Task Plan_TakesInWhatCarriesItsLabels_AlsoWhatIsMadeLater()
    {
        var label = NewName("app");
        var labels = new Dictionary<string, string> { ["app"] = label };
        var one = Compute.Add(NewName("one"), new byte[RootBytes], labels);
        var (status, plan) = await PostAsync(
            "/v1/backup-plans",
            new { name = NewName("plan"), schedule = "0 3 * * *", resourceLabels = labels, verify = false, startWindowMinutes = 60 });
        status.ShouldBe(HttpStatusCode.Created, plan.ToString());
        (await RunAsync(plan)).GetProperty("resource").GetString().ShouldBe(one);
        var two = Compute.Add(NewName("two"), new byte[RootBytes], labels);
        var (_, jobs) = await PostAsync($"/v1/backup-plans/{IdOf(plan)}/run?wait=60");
        jobs.GetProperty("items").EnumerateArray().Select(job => job.GetProperty("resource").GetString()).ShouldBe([one, two], true);
        ShouldName(await PostAsync("/v1/backup-plans", new { name = NewName("plan"), schedule = "0 3 * * *" }), "resources");
        ShouldName(
            await PostAsync(
                "/v1/backup-plans",
                new { name = NewName("plan"), schedule = "0 3 * * *", resourceLabels = labels, startWindowMinutes = 0 }),
            "startWindowMinutes");
    }

    [Fact]
    public async Task FailureThatMayPass_IsTriedAgainByItself()
    {
        var (volume, _) = AddVolume();
        var plan = await PlanAsync(volume);
        Storage.Refusals[volume] = new CloudException(ErrorKind.Unavailable, "away", "It is away.");
        var job = await RunAsync(plan);
        job.GetProperty("attempts").GetInt32().ShouldBe(2);
        job.GetProperty("timeline").EnumerateArray().Select(step => step.GetProperty("what").GetString())
            .ShouldContain(what => what!.StartsWith("failed, again in", StringComparison.Ordinal));
    }

    [Fact]
    public async Task BackupThatBreaksOff_LeavesNoSnapshot_ThoughTheInstanceIsGoneByThen()
    {
        var (instance, volume) = await AddInstanceAsync();
        Compute.Refusals[instance] = new CloudException(ErrorKind.Unavailable, "away", "The host is away.");
        var (_, jobs) = await PostAsync($"/v1/backup-plans/{IdOf(await PlanAsync(instance))}/run");
        var job = $"/v1/backup-jobs/{IdOf(jobs.GetProperty("items")[0])}";
        await Eventually.HoldsAsync(() => Task.FromResult(Storage.SnapshotsOf(volume).Count == 1), "the volume's is taken");
        await Compute.DeleteAsync("", instance, CancellationToken.None);
        Compute.Refusals.Clear();
        (await GetAsync($"{job}?wait=60")).GetProperty("statusReason").GetString()!.ShouldContain(instance);
        await Eventually.HoldsAsync(() => Task.FromResult(Storage.SnapshotsOf(volume).Count == 0), "it is removed");
    }

    private async Task ShouldBeTriedAsync(string point, string result)
    {
        JsonElement verified = default;
        await Eventually.HoldsAsync(async () =>
        {
            verified = (await GetAsync($"/v1/recovery-points/{point}")).GetProperty("verified");
            return verified.ValueKind == JsonValueKind.Object;
        }, "it was tried");
        verified.GetProperty("result").GetString().ShouldBe(result);
    }

    /// <summary>An instance with a root disk and a volume of noise.</summary>
    private async Task<(string Instance, string Volume)> AddInstanceAsync()
    {
        var root = new byte[RootBytes];
        new Random(2).NextBytes(root);
        root[0] = 1;
        var instance = Compute.Add(NewName("backed-up"), root);
        var (volume, _) = AddVolume();
        await Storage.AttachAsync(new BlockAttachment("", volume, instance, false, false), CancellationToken.None);
        return (instance, volume);
    }
}
