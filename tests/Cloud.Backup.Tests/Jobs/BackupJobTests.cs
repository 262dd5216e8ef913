using System.Net;
using Cloud.Backup.Tests.Kit;
using Cloud.Primitives;

namespace Cloud.Backup.Tests.Jobs;

public sealed class BackupJobOnSqliteTests(BackupServices services) : BackupJobTests(services.OnSqlite);

public sealed class BackupJobOnPostgresTests(BackupServices services) : BackupJobTests(services.OnPostgres);

public abstract class BackupJobTests(BackupsUnderTest service) : BackupTest(service)
{
    [Fact]
    public async Task SecondBackup_ReadsOnlyWhatChanged_AndEachPointRestoresByItself()
    {
        var (volume, bytes) = AddVolume();
        var first = bytes.ToArray();
        var plan = await PlanAsync(volume);
        var firstJob = await RunAsync(plan);
        firstJob.GetProperty("bytesRead").GetInt64().ShouldBe(VolumeBytes);
        bytes[1_000_000]++;
        var secondJob = await RunAsync(plan);
        secondJob.GetProperty("bytesTotal").GetInt64().ShouldBe(65536);
        secondJob.GetProperty("bytesRead").GetInt64().ShouldBe(65536);
        secondJob.GetProperty("bytesStored").GetInt64().ShouldBeLessThan(80_000);
        Storage.Reads.Count(read => read.Offset == 15 * 65536 && read.Length == 65536).ShouldBeGreaterThan(0);

        var (one, two) = (firstJob.GetProperty("recoveryPoint").GetString(), secondJob.GetProperty("recoveryPoint").GetString());
        var restored = await JobAsync($"/v1/recovery-points/{one}/restore", new { name = NewName("restored") });
        Storage.BytesOf(restored.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(first).ShouldBeTrue();
        (await SendAsync(HttpMethod.Delete, $"/v1/recovery-points/{one}")).Status.ShouldBe(HttpStatusCode.NoContent);
        await Eventually(async () => (await GetAsync($"/v1/vaults/{VaultOf(plan)}")).GetProperty("prunedAt").ValueKind
            != System.Text.Json.JsonValueKind.Null);
        restored = await JobAsync($"/v1/recovery-points/{two}/restore", new { name = NewName("restored") });
        Storage.BytesOf(restored.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
    }

    [Fact]
    public async Task Snapshot_IsKeptOfTheNewestPointOnly()
    {
        var (volume, bytes) = AddVolume();
        var plan = await PlanAsync(volume);
        await RunAsync(plan);
        bytes[5]++;
        var job = await RunAsync(plan);
        await Eventually(() => Task.FromResult(Storage.SnapshotsOf(volume).Count == 1));
        Storage.SnapshotsOf(volume).Single().ShouldBe($"backup-{IdOf(job)["job-".Length..]}");
    }

    [Fact]
    public async Task RestoreInPlace_IsUndoneByOneCall()
    {
        var (volume, bytes) = AddVolume();
        var plan = await PlanAsync(volume);
        var then = bytes.ToArray();
        var point = await BackUpAsync(plan);
        bytes.AsSpan(0, 500_000).Fill(7);
        var now = bytes.ToArray();
        await JobAsync($"/v1/recovery-points/{point}/restore", new { inPlace = true });
        bytes.AsSpan().SequenceEqual(then).ShouldBeTrue();
        (await PostAsync($"/v1/recovery-points/{point}/undo-restore")).Status.ShouldBe(HttpStatusCode.OK);
        bytes.AsSpan().SequenceEqual(now).ShouldBeTrue();
        RefusalOf(await PostAsync($"/v1/recovery-points/{point}/undo-restore"), HttpStatusCode.Conflict).ShouldBe("nothing-to-undo");
    }

    [Fact]
    public async Task FailedJob_SaysWhy_LeavesNothing_AndIsTriedAgain()
    {
        var (volume, bytes) = AddVolume();
        var plan = await PlanAsync(volume);
        Storage.Refusals[volume] = CloudException.Conflict("disk-away", "The disk is away.");
        var (_, jobs) = await PostAsync($"/v1/backup-plans/{IdOf(plan)}/run?wait=60");
        var job = jobs.GetProperty("items")[0];
        StatusOf(job).ShouldBe("failed");
        job.GetProperty("statusReason").GetString().ShouldBe("The disk is away.");
        Storage.SnapshotsOf(volume).ShouldBeEmpty();
        RefusalOf(await PostAsync($"/v1/backup-jobs/{IdOf(job)}/cancel"), HttpStatusCode.Conflict).ShouldBe("job-ended");
        var again = await JobAsync($"/v1/backup-jobs/{IdOf(job)}/retry");
        again.GetProperty("timeline").EnumerateArray().Select(step => step.GetProperty("what").GetString()).ShouldBe(
            ["queued", "started", "failed: The disk is away.", "queued again", "started", "succeeded"]);
        bytes.Length.ShouldBe(VolumeBytes);
    }

    [Fact]
    public async Task CancelledJob_Stops_AndMakesNoPoint()
    {
        var (volume, _) = AddVolume();
        var plan = await PlanAsync(volume);
        var gate = new TaskCompletionSource();
        Storage.Gates[volume] = gate.Task;
        try
        {
            var (_, jobs) = await PostAsync($"/v1/backup-plans/{IdOf(plan)}/run");
            var job = IdOf(jobs.GetProperty("items")[0]);
            await UntilAsync($"/v1/backup-jobs/{job}", "running");
            var (_, again) = await PostAsync($"/v1/backup-plans/{IdOf(plan)}/run");
            IdOf(again.GetProperty("items").EnumerateArray().Single()).ShouldBe(job, "two of one resource never overlap");
            await JobAsync($"/v1/backup-jobs/{job}/cancel", expected: "cancelled");
        }
        finally
        {
            gate.SetResult();
        }

        (await GetAsync($"/v1/recovery-points?resource={volume}")).GetProperty("items").GetArrayLength().ShouldBe(0);
        Storage.SnapshotsOf(volume).ShouldBeEmpty();
    }

    [Fact]
    public async Task Verify_RestoresAndCompares_AndThrowsAway()
    {
        var (volume, _) = AddVolume();
        var point = await BackUpAsync(await PlanAsync(volume));
        var job = await JobAsync($"/v1/recovery-points/{point}/verify");
        var verified = (await GetAsync($"/v1/recovery-points/{point}")).GetProperty("verified");
        verified.GetProperty("result").GetString().ShouldBe("restorable");
        Storage.VolumeNames().ShouldNotContain($"try-{IdOf(job)["job-".Length..]}");
    }

    [Fact]
    public async Task Plan_VerifiesByItself_UnlessToldNotTo()
    {
        var (volume, _) = AddVolume();
        var point = await BackUpAsync(await PlanAsync(volume, new { verify = true }));
        await Eventually(async () => (await GetAsync($"/v1/recovery-points/{point}")).GetProperty("verified").ValueKind
            == System.Text.Json.JsonValueKind.Object);
    }

    [Fact]
    public async Task FlippedBit_IsFound_NamesThePoints_AndIsHealedByTheNextBackup()
    {
        var (volume, bytes) = AddVolume();
        var vault = await NewVaultAsync();
        var plan = await PlanAsync(volume, new { vault });
        var point = await BackUpAsync(plan);
        var pack = Directory.GetFiles(Path.Combine(FolderOf(vault), "packs"), "*", SearchOption.AllDirectories).Single();
        var stored = await File.ReadAllBytesAsync(pack);
        stored[stored.Length / 2] ^= 4;
        await File.WriteAllBytesAsync(pack, stored);

        var job = await JobAsync($"/v1/vaults/{vault}/verify", expected: "failed");
        job.GetProperty("statusReason").GetString()!.ShouldContain(Path.GetFileName(pack));
        StatusOf(await GetAsync($"/v1/recovery-points/{point}")).ShouldBe("damaged");
        RefusalOf(await PostAsync($"/v1/recovery-points/{point}/restore", new { name = "never" }), HttpStatusCode.Conflict)
            .ShouldBe("recovery-point-damaged");

        var healing = await RunAsync(plan);
        healing.GetProperty("bytesRead").GetInt64().ShouldBe(65536, "only what was lost is read again");
        StatusOf(await GetAsync($"/v1/recovery-points/{point}")).ShouldBe("available");
        await JobAsync($"/v1/vaults/{vault}/verify");
        var restored = await JobAsync($"/v1/recovery-points/{point}/restore", new { name = NewName("restored") });
        Storage.BytesOf(restored.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
    }

    [Fact]
    public async Task DamagedPieceOfTheObjectStorage_LosesItsChunksOnly_AndIsHealedByTheNextBackup()
    {
        var (volume, bytes) = AddVolume();
        var vault = await NewVaultAsync();
        var plan = await PlanAsync(volume, new { vault });
        var point = await BackUpAsync(plan);
        var pack = Directory.GetFiles(Path.Combine(FolderOf(vault), "packs"), "*", SearchOption.AllDirectories).Single();
        Service.Objects.Damage[Path.GetFileName(pack)] = 1_000_000;
        var job = await JobAsync($"/v1/vaults/{vault}/verify", expected: "failed");
        job.GetProperty("statusReason").GetString()!.ShouldContain($"{Path.GetFileName(pack)}: 2 chunks");
        StatusOf(await GetAsync($"/v1/recovery-points/{point}")).ShouldBe("damaged");
        (await RunAsync(plan)).GetProperty("bytesRead").GetInt64().ShouldBe(2 * 65536);
        await JobAsync($"/v1/vaults/{vault}/verify");
        var restored = await JobAsync($"/v1/recovery-points/{point}/restore", new { name = NewName("restored") });
        Storage.BytesOf(restored.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
    }

    [Fact]
    public async Task Copy_LiesInTheSecondVault_AndOutlivesTheFirst()
    {
        var (volume, bytes) = AddVolume();
        var (first, second) = (await NewVaultAsync(), await NewVaultAsync());
        var plan = await PlanAsync(volume, new { vault = first, copyTo = second });
        await RunAsync(plan);
        await Eventually(async () => (await GetAsync($"/v1/recovery-points?vault={second}")).GetProperty("items").GetArrayLength() == 1);
        var copy = (await GetAsync($"/v1/recovery-points?vault={second}")).GetProperty("items")[0];
        (await GetAsync($"/v1/backup-jobs?plan={plan.GetProperty("name").GetString()}")).GetProperty("items").EnumerateArray()
            .Single(job => job.GetProperty("kind").GetString() == "copy").GetProperty("bytesStored").GetInt64().ShouldBeGreaterThan(0);
        RefusalOf(await SendAsync(HttpMethod.Delete, $"/v1/vaults/{first}"), HttpStatusCode.Conflict).ShouldBe("vault-in-use");
        (await SendAsync(HttpMethod.Delete, $"/v1/backup-plans/{IdOf(plan)}")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await SendAsync(HttpMethod.Delete, $"/v1/vaults/{first}")).Status.ShouldBe(HttpStatusCode.Accepted);
        await Eventually(async () => (await SendAsync(HttpMethod.Get, $"/v1/vaults/{first}")).Status == HttpStatusCode.NotFound);
        Directory.GetFiles(FolderOf(first), "*", SearchOption.AllDirectories).ShouldBeEmpty();
        var restored = await JobAsync($"/v1/recovery-points/{IdOf(copy)}/restore", new { name = NewName("restored") });
        Storage.BytesOf(restored.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
    }

    [Fact]
    public async Task LockedVault_LetsNothingGo_NotEvenForAnAdmin()
    {
        var (volume, _) = AddVolume();
        var vault = await NewVaultAsync(new { lockDays = 30 });
        var plan = await PlanAsync(volume, new { vault, retention = new { last = 1 } });
        var point = await BackUpAsync(plan);
        await RunAsync(plan);
        var admin = Cloud.ServiceDefaults.Auth.Role.Admin;
        RefusalOf(await SendAsync(HttpMethod.Delete, $"/v1/recovery-points/{point}", role: admin), HttpStatusCode.Conflict)
            .ShouldBe("recovery-point-locked");
        RefusalOf(await SendAsync(HttpMethod.Patch, $"/v1/vaults/{vault}", new { lockDays = 1 }, admin), HttpStatusCode.Conflict)
            .ShouldBe("vault-locked");
        var verdicts = (await PostAsync($"/v1/backup-plans/{IdOf(plan)}/prune")).Body.GetProperty("items").EnumerateArray();
        verdicts.Select(one => string.Join(" ", one.GetProperty("keeps").EnumerateArray())).ShouldBe(["last locked", "locked"]);
        (await SendAsync(HttpMethod.Delete, $"/v1/backup-plans/{IdOf(plan)}")).Status.ShouldBe(HttpStatusCode.NoContent);
        RefusalOf(await SendAsync(HttpMethod.Delete, $"/v1/vaults/{vault}", role: admin), HttpStatusCode.Conflict)
            .ShouldBe("recovery-point-locked");
        StatusOf(await GetAsync($"/v1/recovery-points/{point}")).ShouldBe("available");
    }

    [Fact]
    public async Task Vault_IsTakenOverByAnotherProject_WithItsExportedKey()
    {
        var (volume, bytes) = AddVolume();
        var folder = Directory.CreateTempSubdirectory("cloud-vault-").FullName;
        try
        {
            var admin = Cloud.ServiceDefaults.Auth.Role.Admin;
            RefusalOf(await PostAsync("/v1/vaults", new { name = "disk", folder }), HttpStatusCode.Forbidden).ShouldBe("admin-only");
            var (status, made) = await SendAsync(HttpMethod.Post, "/v1/vaults", new { name = "disk", folder }, admin);
            status.ShouldBe(HttpStatusCode.Created, made.ToString());
            await BackUpAsync(await PlanAsync(volume, new { vault = "disk" }));
            var key = (await GetAsync($"/v1/vaults/{IdOf(made)}/key")).GetProperty("key").GetString();

            var copy = Path.Combine(folder, "..", $"{Path.GetFileName(folder)}-copy");
            CopyFolder(folder, copy);
            var wrong = Cloud.Backup.Vaults.VaultKey.Create().Export();
            ShouldName(await SendAsync(HttpMethod.Post, "/v1/vaults", new { name = "other", folder = copy, key = wrong }, admin), "key");
            RefusalOf(await SendAsync(HttpMethod.Post, "/v1/vaults", new { name = "other", folder = copy, key }, admin),
                HttpStatusCode.Conflict).ShouldBe("vault-in-use", "its points are here already");
            Directory.Delete(copy, recursive: true);
            bytes.Length.ShouldBe(VolumeBytes);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string VaultOf(System.Text.Json.JsonElement plan) => plan.GetProperty("vault").GetString()!;

    private static Task Eventually(Func<Task<bool>> holds) => Cloud.Testing.Eventually.HoldsAsync(holds, "it holds");

    private static void CopyFolder(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
