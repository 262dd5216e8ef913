using Cloud.Backup.Tests.Kit;

namespace Cloud.Backup.Tests.Jobs;

public sealed class DatabaseJobTests(BackupServices services) : BackupTest(services.OnSqlite)
{
    private const int FileBytes = 300_000;

    [Fact]
    public async Task Increment_StoresChangedBlocksOnly_AndEachPointIsAServerByItself()
    {
        var (database, files) = AddDatabase();
        var then = Copy(files);
        var plan = await PlanAsync(database);
        var one = await BackUpAsync(plan);
        files["base/1"][70_000]++;
        files["base/3"] = [1];
        var two = await RunAsync(plan);
        two.GetProperty("bytesStored").GetInt64().ShouldBeLessThan(80_000, two.ToString());

        ShouldHold((await RestoreAsync(one)), then);
        ShouldHold(await RestoreAsync(two.GetProperty("recoveryPoint").GetString()!), files);
        Databases.Staged.ShouldBeEmpty();
    }

    [Fact]
    public async Task RestoreInPlace_IsUndoneByOneCall()
    {
        var (database, files) = AddDatabase();
        var then = Copy(files);
        var point = await BackUpAsync(await PlanAsync(database));
        files["base/1"][0]++;
        await JobAsync($"/v1/recovery-points/{point}/restore", new { inPlace = true });
        ShouldHold(database, then);
        (await PostAsync($"/v1/recovery-points/{point}/undo-restore")).Status.ShouldBe(System.Net.HttpStatusCode.OK);
        ShouldHold(database, files);
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

    private void ShouldHold(string database, Dictionary<string, byte[]> files)
    {
        var held = Databases.FilesOf(database);
        held.Keys.ShouldBe(files.Keys, ignoreOrder: true);
        foreach (var (name, bytes) in files)
        {
            held[name].AsSpan().SequenceEqual(bytes).ShouldBeTrue(name);
        }
    }

    private static Dictionary<string, byte[]> Copy(Dictionary<string, byte[]> files) =>
        files.ToDictionary(file => file.Key, file => file.Value.ToArray());

    private (string Id, Dictionary<string, byte[]> Files) AddDatabase()
    {
        var bytes = new byte[FileBytes];
        new Random(4).NextBytes(bytes);
        var files = new Dictionary<string, byte[]> { ["base/1"] = bytes, ["base/2"] = bytes[..100], ["PG_VERSION"] = [49], ["empty"] = [] };
        return (Databases.Add(NewName("db"), files), files);
    }
}
