using Cloud.Backup.Tests.Kit;

namespace Cloud.Backup.Tests.Jobs;

public sealed class DatabaseJobTests(BackupServices services) : BackupTest(services.OnSqlite)
{
    private const int FileBytes = 300_000;
    private const int LogBytes = 100_000;

    private int _readsSeen;

    [Fact]
    public async Task Increment_ReadsTheLogSinceTheLastPoint_AndEachPointIsAServerByItself()
    {
        var (database, files) = AddDatabase();
        Databases.Write(database, 1, Noise(1, LogBytes));
        Databases.Write(database, 2, Noise(2, 1000));
        var plan = await PlanAsync(database);
        var one = await BackUpAsync(plan);
        ReadsOf(database).ShouldBe(["base-1", LogName(1), LogName(2)]);

        Databases.Write(database, 2, Noise(2, LogBytes));
        Databases.Write(database, 3, Noise(3, 500));
        var two = await RunAsync(plan);
        ReadsOf(database).ShouldBe([LogName(2), LogName(3)], "neither the base backup nor what was read of the log before");
        two.GetProperty("bytesTotal").GetInt64().ShouldBe(LogBytes + 500);
        two.GetProperty("bytesRead").GetInt64().ShouldBe(LogBytes + 500);

        // A newer base backup is not needed while the log is short.
        Databases.TakeBase(database);
        await BackUpAsync(plan);
        ReadsOf(database).ShouldBeEmpty();

        ShouldHold(await RestoreAsync(one), files, (1, Noise(1, LogBytes)), (2, Noise(2, 1000)));
        ShouldHold(
            await RestoreAsync(PointOf(two)), files, (1, Noise(1, LogBytes)), (2, Noise(2, LogBytes)), (3, Noise(3, 500)));
        Databases.Staged.ShouldBeEmpty();
    }

    [Fact]
    public async Task NewBaseBackup_IsTaken_WhereTheLogDoesNotGoOn()
    {
        var (database, files) = AddDatabase();
        Databases.Write(database, 1, Noise(1, LogBytes));
        var plan = await PlanAsync(database);
        await BackUpAsync(plan);
        Databases.Write(database, 2, Noise(2, LogBytes));
        Databases.Write(database, 3, Noise(3, LogBytes));
        files["base/1"][70_000]++;
        Databases.TakeBase(database);
        Databases.Trim(database, 3);
        ReadsOf(database);
        var two = await RunAsync(plan);
        ReadsOf(database).ShouldBe(["base-2", LogName(3)]);
        two.GetProperty("bytesStored").GetInt64().ShouldBeLessThan(65536 + LogBytes + 20_000, "of the files only what has changed");
        ShouldHold(await RestoreAsync(PointOf(two)), files, (3, Noise(3, LogBytes)));
    }

    [Fact]
    public async Task Restore_GoesToATimeOfThePointsWindow_AndToNoOther()
    {
        var (database, _) = AddDatabase();
        var point = await BackUpAsync(await PlanAsync(database));
        var view = await GetAsync($"/v1/recovery-points/{point}");
        var (from, until) = (view.GetProperty("restorableFrom").GetDateTimeOffset(), view.GetProperty("createdAt").GetDateTimeOffset());
        var middle = from.AddMilliseconds(Math.Floor((until - from).TotalMilliseconds / 2));
        var made = await JobAsync($"/v1/recovery-points/{point}/restore", new { name = NewName("db-then"), to = middle });
        Databases.RestoredTo[made.GetProperty("restored").GetString()!].ShouldBe(middle);
        await JobAsync($"/v1/recovery-points/{point}/restore", new { inPlace = true, to = from });
        Databases.RestoredTo[database].ShouldBe(from);
        foreach (var to in new[] { from.AddMilliseconds(-1), until.AddMilliseconds(1) })
        {
            ShouldName(await PostAsync($"/v1/recovery-points/{point}/restore", new { name = NewName("never"), to }), "to");
        }

        var (volume, _) = AddVolume();
        var other = await BackUpAsync(await PlanAsync(volume));
        ShouldName(await PostAsync($"/v1/recovery-points/{other}/restore", new { name = NewName("never"), to = middle }), "to");
    }

    [Fact]
    public async Task LostChunkOfTheBaseBackup_IsReadAgain()
    {
        var (database, files) = AddDatabase();
        Databases.Write(database, 1, Noise(1, LogBytes));
        var plan = await PlanAsync(database, new { vault = await NewVaultAsync() });
        var one = await BackUpAsync(plan);
        var vault = plan.GetProperty("vault").GetString()!;
        foreach (var pack in Directory.GetFiles(Path.Combine(FolderOf(vault), "packs"), "*", SearchOption.AllDirectories))
        {
            File.Delete(pack);
        }

        await JobAsync($"/v1/vaults/{vault}/verify", expected: "failed");
        ReadsOf(database);
        await BackUpAsync(plan);
        ReadsOf(database).ShouldBe(["base-1", LogName(1)]);
        StatusOf(await GetAsync($"/v1/recovery-points/{one}")).ShouldBe("available");
        ShouldHold(await RestoreAsync(one), files, (1, Noise(1, LogBytes)));
    }

    [Fact]
    public async Task RestoreInPlace_IsUndoneByOneCall()
    {
        var (database, files) = AddDatabase();
        var point = await BackUpAsync(await PlanAsync(database));
        await JobAsync($"/v1/recovery-points/{point}/restore", new { inPlace = true });
        ShouldHold(database, files);
        (await PostAsync($"/v1/recovery-points/{point}/undo-restore")).Status.ShouldBe(System.Net.HttpStatusCode.OK);
        Databases.FilesOf(database).ShouldBeSameAs(files);
    }

    [Fact]
    public async Task Verify_ChecksAServerThatIsThrownAway()
    {
        var (database, _) = AddDatabase();
        var point = await BackUpAsync(await PlanAsync(database));
        await JobAsync($"/v1/recovery-points/{point}/verify");
        (await ResultAsync()).ShouldBe("restorable");
        Databases.Wrong = "pg_amcheck: index is corrupted";
        try
        {
            await JobAsync($"/v1/recovery-points/{point}/verify", expected: "failed");
        }
        finally
        {
            Databases.Wrong = null;
        }

        (await ResultAsync()).ShouldBe("pg_amcheck: index is corrupted");
        Databases.Names.ShouldNotContain(name => name.StartsWith("try-", StringComparison.Ordinal));

        async Task<string?> ResultAsync() =>
            (await GetAsync($"/v1/recovery-points/{point}")).GetProperty("verified").GetProperty("result").GetString();
    }

    private async Task<string> RestoreAsync(string point) => (await JobAsync(
        $"/v1/recovery-points/{point}/restore", new { name = NewName("db-again") })).GetProperty("restored").GetString()!;

    /// <summary>A database that was made of a point: the files of the base backup, and the log.</summary>
    private void ShouldHold(string database, Dictionary<string, byte[]> files, params (int Number, byte[] Bytes)[] log)
    {
        var expected = files.ToDictionary(file => $"data/{file.Key}", file => file.Value);
        foreach (var (number, bytes) in log)
        {
            expected[$"wal/{LogName(number)}"] = bytes;
        }

        var held = Databases.FilesOf(database);
        held.Keys.ShouldBe(expected.Keys, ignoreOrder: true);
        foreach (var (name, bytes) in expected)
        {
            held[name].AsSpan().SequenceEqual(bytes).ShouldBeTrue(name);
        }
    }

    /// <summary>What was read of a database since this was asked last.</summary>
    private List<string> ReadsOf(string database)
    {
        var reads = Databases.Reads.Where(read => read.StartsWith(database, StringComparison.Ordinal))
            .Select(read => read[(database.Length + 1)..]).Skip(_readsSeen).ToList();
        _readsSeen += reads.Count;
        return reads;
    }

    private static string PointOf(System.Text.Json.JsonElement job) => job.GetProperty("recoveryPoint").GetString()!;

    private static string LogName(int number) => FakeDatabases.NameOfLog(number);

    private static byte[] Noise(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private (string Id, Dictionary<string, byte[]> Files) AddDatabase()
    {
        var bytes = Noise(4, FileBytes);
        var files = new Dictionary<string, byte[]> { ["base/1"] = bytes, ["base/2"] = bytes[..100], ["PG_VERSION"] = [49], ["empty"] = [] };
        return (Databases.Add(NewName("db"), files), files);
    }
}
