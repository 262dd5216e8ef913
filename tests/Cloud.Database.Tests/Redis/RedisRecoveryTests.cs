using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.Net;
using Cloud.Database.Contracts;
using Cloud.Database.Databases;
using Cloud.Database.Redis;
using Cloud.Database.Servers;
using Cloud.Database.Tests.Kit;
using Cloud.Primitives;
using Cloud.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Database.Tests.Redis;

/// <summary>Redis servers that are processes.</summary>
public sealed class RedisProcessRecoveryTests(DatabaseServices services) : RedisRecoveryTests(services, DatabasePlacement.Process);

/// <summary>Redis servers in containers.</summary>
[Collection(Contained)]
public sealed class RedisContainerRecoveryTests(DatabaseServices services)
    : RedisRecoveryTests(services, DatabasePlacement.Container);

/// <summary>What a Redis server acknowledged is there, whatever dies, and is brought back to any second.</summary>
public abstract class RedisRecoveryTests(DatabaseServices services, DatabasePlacement placement) : RedisTest(services, placement)
{
    private const int Each = 20;

    private static readonly int Rounds =
        int.Parse(Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "1", CultureInfo.InvariantCulture);

    [Fact]
    public async Task WhatWasFlushed_IsRestoredToTheSecondBefore_AsANewDatabaseAndInPlace_AndUndone()
    {
        var made = await CreateRedisAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await WriteAsync(url, 0, Each);
        var middle = await EndOfSecondAsync(url);
        await WriteAsync(url, Each, Each);
        var end = await EndOfSecondAsync(url);
        await SayAsync(url, "FLUSHALL");
        await WriteAsync(url, 1000, 1);

        var other = await RestoreAsNewAsync(id, middle);
        (await NumbersAsync(UrlOf(other))).ShouldBe(Enumerable.Range(0, Each));

        await ActAsync(id, "restore", new { to = end, inPlace = true });
        (await NumbersAsync(url)).ShouldBe(Enumerable.Range(0, 2 * Each));
        await ActAsync(id, "undo-restore");
        (await NumbersAsync(url)).ShouldBe([1000]);

        // The window reaches back over all of it.
        await ActAsync(id, "restore", new { to = middle, inPlace = true });
        (await NumbersAsync(url)).ShouldBe(Enumerable.Range(0, Each));
        await WriteAsync(url, 2000, 1);
        (await NumbersAsync(url)).ShouldBe([.. Enumerable.Range(0, Each), 2000]);

        var refused = await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/restore", new { to = middle.AddHours(1), inPlace = true });
        ShouldName(refused, "to");
        await DropAsync(other, made);
    }

    [Fact]
    public async Task KilledServer_RunsAgain_WithEveryAcknowledgedWrite_AlsoInTheArchive_OverRewritesOfItsLog()
    {
        var made = await CreateRedisAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        var acknowledged = new HashSet<int>();
        for (var round = 0; round < Rounds; round++)
        {
            using var over = new CancellationTokenSource();
            var writing = KeepWritingAsync(url, 10_000 * round, acknowledged, over.Token);
            await Task.Delay(TimeSpan.FromMilliseconds(200));

            // What it rewrites its log for is stored meanwhile, and writes go on.
            await RewriteAsync(id);
            await Task.Delay(TimeSpan.FromMilliseconds(100));
            Process.GetProcessById(await ProcessOfAsync(id)).Kill();
            await over.CancelAsync();
            await writing;
            await Eventually.HoldsAsync(() => AnswersAsync(url), "the server runs again");
        }

        acknowledged.Count.ShouldBeGreaterThan(Rounds);
        (await NumbersAsync(url)).ShouldBeSubsetOf(Enumerable.Range(0, 10_000 * Rounds));
        acknowledged.Except(await NumbersAsync(url)).ShouldBeEmpty();

        // All of the log that was rewritten is there too: the first moments are restored from it.
        var window = await GetAsync($"/v1/databases/{id}/recovery-window");
        var last = await RestoreAsNewAsync(id, window.GetProperty("latest").GetDateTimeOffset());
        (await NumbersAsync(UrlOf(last))).ShouldBe(await NumbersAsync(url));
        await using (var db = await Service.OpenDbAsync())
        {
            // Without the later bases, the first and all parts of the log must say the same.
            var bases = await db.BaseBackups.Where(one => one.Database == new DatabaseId(id))
                .OrderBy(one => one.CompletedAt).ToListAsync();
            bases.Count.ShouldBeGreaterThan(Rounds);
            db.BaseBackups.RemoveRange(bases.Skip(1));
            await db.SaveChangesAsync();
        }

        window = await GetAsync($"/v1/databases/{id}/recovery-window");
        var whole = await RestoreAsNewAsync(id, window.GetProperty("latest").GetDateTimeOffset());
        (await NumbersAsync(UrlOf(whole))).ShouldBe(await NumbersAsync(url));
        await DropAsync(last, whole, made);
    }

    [Fact]
    public async Task Clone_HasWhatItsSourceHas_AndGoesItsOwnWay()
    {
        var made = await CreateRedisAsync();
        await WriteAsync(UrlOf(made), 0, Each);

        var clone = await PostAsync($"/v1/databases/{IdOf(made)}/clone?wait=120", new { name = NewName("clone") }, HttpStatusCode.Created);

        StatusOf(clone).ShouldBe("available", clone.ToString());
        await WriteAsync(UrlOf(clone), 500, 1);
        await WindowOpensAsync(IdOf(clone));
        (await NumbersAsync(UrlOf(clone))).ShouldBe([.. Enumerable.Range(0, Each), 500]);
        (await NumbersAsync(UrlOf(made))).ShouldBe(Enumerable.Range(0, Each));
        var crossed = new UriBuilder(UrlOf(clone)) { Password = new Uri(UrlOf(made)).UserInfo.Split(':')[1] }.Uri.ToString();
        await Should.ThrowAsync<CloudException>(() => SayAsync(crossed, "PING"));
        await DropAsync(made, clone);
    }

    [Fact]
    public async Task FilesOfARunningServer_BecomeAnotherDatabase_AndGoBackInPlace()
    {
        var databases = Service.Services.GetRequiredService<IDatabases>();
        var ct = TestContext.Current.CancellationToken;
        var made = await CreateRedisAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await WriteAsync(url, 0, Each);
        var state = (await databases.FindAsync(Project, id, ct))!;
        using var tar = new MemoryStream();
        var archive = await databases.ReadArchiveAsync(Project, id, ct);
        archive.Log.ShouldBeEmpty();
        await using (var writer = new TarWriter(tar, leaveOpen: true))
        {
            await using var reader = new TarReader(await databases.ReadBaseAsync(Project, id, archive.Base.Id, ct));
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

        await SayAsync(url, "FLUSHALL");
        var key = NewName("redis");
        tar.Position = 0;
        await databases.StageAsync(key, tar, ct);
        var again = await SettleAsync(await databases.CreateAsync(Project, new NewDatabaseCopy(NewName("again"), state.Settings, key), ct));
        var there = new UriBuilder(url) { Port = (await Service.RowAsync(again.Id)).Port }.Uri.ToString();
        (await NumbersAsync(there)).ShouldBe(Enumerable.Range(0, Each));
        (await databases.CheckAsync(Project, again.Id, ct)).ShouldBeNull();

        tar.Position = 0;
        await databases.StageAsync(key, tar, ct);
        await SettleAsync(await databases.RestoreAsync(Project, id, key, null, ct));
        (await NumbersAsync(url)).ShouldBe(Enumerable.Range(0, Each));
        await SettleAsync(await databases.UndoRestoreAsync(Project, id, ct));
        (await NumbersAsync(url)).ShouldBeEmpty();
        await databases.UnstageAsync(key, ct);
        await DeleteAsync(again.Id, "&finalBackup=false");
        await DropAsync(made);

        async Task<DatabaseState> SettleAsync(DatabaseState begun)
        {
            while (!begun.Settled)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), ct);
                begun = (await databases.FindAsync(Project, begun.Id, ct))!;
            }

            begun.Status.ShouldBe(DatabaseState.Available, begun.StatusReason);
            return begun;
        }
    }

    private async Task RewriteAsync(string id) =>
        await Service.Services.GetRequiredService<RedisEngine>().TakeBaseBackupAsync(await Service.RowAsync(id), default);
}
