using System.Formats.Tar;
using Cloud.Database.Contracts;
using Cloud.Database.Tests.Kit;
using Cloud.Primitives;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Database.Tests.Databases;

/// <summary>What backups do: read a server's base backup and log, and make a server of them.</summary>
public sealed class CopyTests(DatabaseServices services) : DatabaseTest(services.OnSqlite)
{
    [Fact]
    public async Task BaseAndLog_BecomeAnotherDatabase_AtAnyTimeOfTheirs_AndGoBackInPlace()
    {
        var databases = Service.Services.GetRequiredService<IDatabases>();
        var ct = TestContext.Current.CancellationToken;
        var made = await CreateAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await SqlAsync(url, "CREATE TABLE rows AS SELECT n FROM generate_series(1, 1000) n; CREATE INDEX ON rows (n)");
        var middle = (await databases.ReadArchiveAsync(Project, id, ct)).At;
        await Task.Delay(TimeSpan.FromMilliseconds(20), ct);
        await SqlAsync(url, "INSERT INTO rows VALUES (1001)");
        var state = (await databases.FindAsync(Project, id, ct))!;
        var archive = await databases.ReadArchiveAsync(Project, id, ct);
        archive.Base.At.ShouldBeLessThan(middle);
        archive.Log.ShouldContain(file => file.Name == archive.Base.FirstLog);
        using var tar = new MemoryStream();
        await WriteTarAsync();
        await SqlAsync(url, "DROP TABLE rows");
        var key = NewName("copy");
        await StageAsync();
        var copy = new NewDatabaseCopy(NewName("again"), state.Settings, key);
        var again = await SettleAsync(await databases.CreateAsync(Project, copy, ct));
        (await databases.CreateAsync(Project, copy, ct)).Id.ShouldBe(again.Id, "twice makes one");

        // The owner's password came with the files; the port is the copy's own.
        var there = new UriBuilder(url) { Port = (await Service.RowAsync(again.Id)).Port }.Uri.ToString();
        (await AskAsync<long>(there, "SELECT count(*) FROM rows")).ShouldBe(1001);
        (await databases.CheckAsync(Project, again.Id, ct)).ShouldBeNull();
        (await Should.ThrowAsync<CloudException>(() => databases.CreateAsync(Project, copy with { Staged = "other" }, ct)))
            .Code.ShouldBe("name-taken");

        await StageAsync();
        await SettleAsync(await databases.RestoreAsync(Project, id, key, middle, ct));
        (await AskAsync<long>(url, "SELECT count(*) FROM rows")).ShouldBe(1000, "of a time between");
        await SettleAsync(await databases.RestoreAsync(Project, id, key, middle, ct));
        await SettleAsync(await databases.UndoRestoreAsync(Project, id, ct));
        (await AskAsync<bool>(url, "SELECT to_regclass('rows') IS NULL")).ShouldBeTrue("twice is once, and is undone");
        await databases.UnstageAsync(key, ct);
        while (!await databases.DeleteAsync(Project, again.Id, ct))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), ct);
        }

        (await databases.FindAsync(Project, again.Id, ct)).ShouldBeNull();
        await DeleteAsync(id);

        async Task WriteTarAsync()
        {
            await using var writer = new TarWriter(tar, leaveOpen: true);
            await using (var reader = new TarReader(await databases.ReadBaseAsync(Project, id, archive.Base.Id, ct)))
            {
                while (await reader.GetNextEntryAsync(copyData: true, ct) is { } entry)
                {
                    var below = new PaxTarEntry(entry.EntryType, $"data/{entry.Name}") { Mode = entry.Mode };
                    if (entry.DataStream is { } content)
                    {
                        below.DataStream = content;
                    }

                    await writer.WriteEntryAsync(below, ct);
                }
            }

            foreach (var file in archive.Log.Where(file => string.CompareOrdinal(file.Name, archive.Base.FirstLog) >= 0))
            {
                await using var log = await databases.ReadLogAsync(Project, id, archive.Generation, file.Name, ct);
                using var bytes = new MemoryStream();
                await log.CopyToAsync(bytes, ct);
                bytes.Position = 0;
                await writer.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, $"wal/{file.Name}") { DataStream = bytes }, ct);
            }
        }

        Task StageAsync()
        {
            tar.Position = 0;
            return databases.StageAsync(key, tar, ct);
        }

        async Task<DatabaseState> SettleAsync(DatabaseState begun)
        {
            while (!begun.Settled)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), ct);
                begun = (await databases.FindAsync(Project, begun.Id, ct))!;
            }

            begun.Status.ShouldBe(DatabaseState.Available, begun.StatusReason);
            return begun;
        }
    }
}
