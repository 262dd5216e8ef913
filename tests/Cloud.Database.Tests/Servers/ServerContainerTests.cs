using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Cloud.Compute.Contracts;
using Cloud.Database.Contracts;
using Cloud.Database.Servers;
using Cloud.Database.Tests.Kit;
using Cloud.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Cloud.Database.Tests.Servers;

/// <summary>Servers in real containers, each on a volume of its own.</summary>
public sealed class ServerContainerTests(DatabaseServices services) : DatabaseTest(services.InContainers)
{
    private const int RowsEach = 20;
    private const string Image = "postgresql-15-container";
    private const string OneMebibyte = "INSERT INTO filled SELECT n, repeat(md5(n::text), 32) FROM generate_series(1, 1000) n";

    [Fact]
    public async Task Server_ComesInAContainer_GoesThroughItsLife_AndLeavesNothing()
    {
        var made = await CreateAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        made.GetProperty("placement").GetString().ShouldBe("container");
        made.GetProperty("runsAs").GetString().ShouldBe("container");
        (await AskAsync<string>(url, "SELECT current_setting('ssl')")).ShouldBe("on");
        await SqlAsync(url, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)");

        await ActAsync(id, "restart");
        (await AskAsync<int>(url, "SELECT n FROM kept")).ShouldBe(1);
        (await GetAsync($"/v1/databases/{id}/logs?tail=100")).GetString()!.ShouldContain("ready to accept connections");
        (await GetAsync($"/v1/databases/{id}/metrics")).GetProperty("usedBytes").GetInt64().ShouldBeInRange(1 << 20, 256 << 20);

        await ActAsync(id, "stop", status: "stopped");
        services.Containers.Names.ShouldContain($"{id}-1");
        await Should.ThrowAsync<NpgsqlException>(() => AskAsync<int>(url, "SELECT 1"));
        (await GetAsync($"/v1/databases/{id}/logs?tail=1")).GetString()!.ShouldEndWith("database system is shut down\n");
        await ActAsync(id, "start");
        (await AskAsync<int>(url, "SELECT n FROM kept")).ShouldBe(1);

        await DeleteAsync(id);
        LeftOf(id).ShouldBeEmpty();
        var back = await PostAsync($"/v1/databases/{id}/undelete?wait=120");
        StatusOf(back).ShouldBe("available", back.ToString());
        (await AskAsync<int>(url, "SELECT n FROM kept")).ShouldBe(1);
        await DeleteAsync(id, "&finalBackup=false");
        LeftOf(id).ShouldBeEmpty();
    }

    [Fact]
    public async Task DroppedTable_IsRestoredToJustBefore_AsANewDatabaseAndInPlace_AndUndone()
    {
        var made = await CreateAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await SqlAsync(url, "CREATE TABLE rows (n int PRIMARY KEY)");
        DateTimeOffset middle, end;
        await using (var connection = await ConnectAsync(url))
        {
            await SqlAsync(connection, $"INSERT INTO rows SELECT generate_series(1, {RowsEach})");
            middle = await ClockAsync(connection);
            await Task.Delay(TimeSpan.FromMilliseconds(20));
            await SqlAsync(connection, $"INSERT INTO rows SELECT generate_series({RowsEach + 1}, {2 * RowsEach})");
            end = await ClockAsync(connection);
            await Task.Delay(TimeSpan.FromMilliseconds(20));
            await SqlAsync(connection, "DROP TABLE rows");
        }

        var other = await PostAsync(
            $"/v1/databases/{id}/restore?wait=120", new { to = middle, name = NewName("restored") }, HttpStatusCode.Created);
        StatusOf(other).ShouldBe("available", other.ToString());
        (await AskAsync<long>(UrlOf(other), "SELECT count(*) FROM rows")).ShouldBe(RowsEach);

        await ActAsync(id, "restore", new { to = end, inPlace = true });
        (await AskAsync<long>(url, "SELECT count(*) FROM rows")).ShouldBe(2 * RowsEach);
        LeftOf(id).ShouldBe([$"{id}-1", $"{id}-1-log", $"{id}-2", $"{id}-2", $"{id}-2-log"], ignoreOrder: true);
        await ActAsync(id, "undo-restore");
        (await AskAsync<bool>(url, "SELECT to_regclass('rows') IS NULL")).ShouldBeTrue();
        await ActAsync(id, "restore", new { to = middle, inPlace = true });
        (await AskAsync<long>(url, "SELECT count(*) FROM rows")).ShouldBe(RowsEach);
        string[] kept = [$"{id}-1", $"{id}-1-log", $"{id}-3", $"{id}-3", $"{id}-3-log"];
        await Eventually.HoldsAsync(() => LeftOf(id).Order(StringComparer.Ordinal).SequenceEqual(kept), "generation 2 is gone");
        await DeleteAsync(id, "&finalBackup=false");
        await DeleteAsync(IdOf(other), "&finalBackup=false");
    }

    [Fact]
    public async Task Restore_ToTheLatestMoment_ReplaysTheLogOnce_WhereItLies()
    {
        var made = await CreateAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await SqlAsync(url, "CREATE TABLE rows (n int); INSERT INTO rows VALUES (1)");
        var to = (await GetAsync($"/v1/databases/{id}/recovery-window")).GetProperty("latest").GetDateTimeOffset();

        await ActAsync(id, "restore", new { to, inPlace = true });

        (await AskAsync<int>(url, "SELECT n FROM rows")).ShouldBe(1);
        var said = await RunAsync(id, $"cat /srv/{id}/2/log/*", generation: 2);
        said.ShouldContain("recovery stopping before commit");
        said.ShouldNotContain("recovery ended before configured recovery target was reached");
        said.ShouldNotContain("restored log file", customMessage: "it was copied");
        (await RunAsync(id, $"readlink /srv/{id}/2/data/pg_wal", generation: 2)).ShouldBe($"/srv/{id}/2-log/pg_wal");

        // How it was recovered is nothing that a later change of settings stumbles over, and ends with the next start.
        await ActAsync(id, "restart");
        (await RunAsync(id, $"cat /srv/{id}/2/log/*", generation: 2)).ShouldNotContain("contains errors");
        (await AskAsync<string>(url, "SHOW recovery_target_time")).ShouldBeEmpty();

        // Of one that does not run there is no commit after its last moment: its log is replayed again, to the end.
        await SqlAsync(url, "INSERT INTO rows VALUES (2)");
        await ActAsync(id, "stop", status: "stopped");
        to = (await GetAsync($"/v1/databases/{id}/recovery-window")).GetProperty("latest").GetDateTimeOffset();
        var other = await PostAsync($"/v1/databases/{id}/restore?wait=120", new { to, name = NewName("restored") }, HttpStatusCode.Created);
        StatusOf(other).ShouldBe("available", other.ToString());
        (await AskAsync<long>(UrlOf(other), "SELECT sum(n) FROM rows")).ShouldBe(3);
        (await RunAsync(IdOf(other), $"cat /srv/{IdOf(other)}/1/log/*")).ShouldContain(
            "recovery ended before configured recovery target was reached");
        await DeleteAsync(IdOf(other), "&finalBackup=false");
        await DeleteAsync(id, "&finalBackup=false");
    }

    [Fact]
    public async Task Server_AndContainer_ThatAreKilled_ComeBackWithEveryAcknowledgedRow()
    {
        var made = await CreateAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await SqlAsync(url, "CREATE TABLE rows (n int); INSERT INTO rows VALUES (1)");

        Postmaster(id).Kill();
        await Eventually.HoldsAsync(() => AnswersAsync(url), "the server runs again");
        await SqlAsync(url, "INSERT INTO rows VALUES (2)");
        await services.Containers.KillAsync($"{id}-1");
        await Eventually.HoldsAsync(() => AnswersAsync(url), "the container runs again");

        (await AskAsync<long>(url, "SELECT sum(n) FROM rows")).ShouldBe(3);
        await DeleteAsync(id, "&finalBackup=false");
    }

    [Fact]
    public async Task FullVolume_StopsWrites_AndAResizeBringsThemBack()
    {
        var made = await CreateAsync(new { name = NewName("db"), sizeBytes = "128Mi" });
        var (id, url) = (IdOf(made), UrlOf(made));
        await SqlAsync(url, "CREATE TABLE filled (n int, t text)");
        await Should.ThrowAsync<NpgsqlException>(async () =>
        {
            for (var at = 0; at < 400; at++)
            {
                await SqlAsync(url, OneMebibyte);
            }
        });
        await UntilAsync(id, "read-only");

        await PostAsync($"/v1/databases/{id}/resize?wait=120", new { sizeBytes = "512Mi" });
        await UntilAsync(id, "available");

        await SqlAsync(url, OneMebibyte);
        ShouldName(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/resize", new { sizeBytes = "256Mi" }), "sizeBytes");
        await PostAsync($"/v1/databases/{id}/resize?wait=120", new { type = "small" });
        services.Containers.MemoryLimitOf($"{id}-1").ShouldBe(512L << 20);
        (await AskAsync<string>(url, "SELECT current_setting('shared_buffers')")).ShouldBe("128MB");
        await DeleteAsync(id, "&finalBackup=false");
    }

    [Fact]
    public async Task Clone_SharesTheVolumeOfTheMoment_IsItsOwn_AndOutlivesItsSource()
    {
        var made = await CreateAsync();
        await using var connection = await ConnectAsync(UrlOf(made));
        await SqlAsync(connection, "CREATE TABLE rows (n int); INSERT INTO rows VALUES (1)");

        await RefusedSqlAsync(connection, "SELECT 1 / 0");

        // In a transaction that goes on: of the moment is what was committed.
        await SqlAsync(connection, "BEGIN; INSERT INTO rows VALUES (10)");
        var clone = await CloneAsync(IdOf(made));
        services.Volumes.SourceOf($"{IdOf(clone)}-1").ShouldBe($"{IdOf(made)}-1");
        await SqlAsync(connection, "COMMIT");

        await SqlAsync(UrlOf(clone), "INSERT INTO rows VALUES (2)");
        (await AskAsync<long>(UrlOf(made), "SELECT sum(n) FROM rows")).ShouldBe(11);
        (await AskAsync<long>(UrlOf(clone), "SELECT sum(n) FROM rows")).ShouldBe(3);
        (await GetAsync($"/v1/databases/{IdOf(clone)}/logs?tail=10000")).GetString()!.ShouldNotContain("app@app");
        await WindowOpensAsync(IdOf(clone));
        await connection.CloseAsync();
        await DeleteAsync(IdOf(made), "&finalBackup=false");
        await ActAsync(IdOf(clone), "restart");
        (await AskAsync<long>(UrlOf(clone), "SELECT sum(n) FROM rows")).ShouldBe(3);
        await DeleteAsync(IdOf(clone), "&finalBackup=false");
    }

    [Fact]
    public async Task Log_LiesOnAVolumeOfItsOwn_AndACopyOfOneWhereItDoesNotGetsOne()
    {
        var made = await CreateAsync();
        var id = IdOf(made);
        (await RunAsync(id, $"readlink /srv/{id}/1/data/pg_wal")).ShouldBe($"/srv/{id}/1-log/pg_wal");
        await SqlAsync(UrlOf(made), "CREATE TABLE rows (n int); INSERT INTO rows VALUES (1)");
        await RunAsync(
            id,
            $"set -e; cd /srv/{id}/1/data; /usr/lib/cloud/server stop; rm pg_wal; cp -a ../../1-log/pg_wal pg_wal; "
            + "/usr/lib/cloud/server start");
        await SqlAsync(UrlOf(made), "INSERT INTO rows VALUES (2)");

        var clone = await CloneAsync(id);

        (await RunAsync(id, $"readlink /srv/{id}/1/data/pg_wal || echo none")).ShouldBe("none");
        (await RunAsync(IdOf(clone), $"readlink /srv/{IdOf(clone)}/1/data/pg_wal")).ShouldBe($"/srv/{IdOf(clone)}/1-log/pg_wal");
        (await AskAsync<long>(UrlOf(clone), "SELECT sum(n) FROM rows")).ShouldBe(3);
        await DeleteAsync(IdOf(clone), "&finalBackup=false");
        await DeleteAsync(id, "&finalBackup=false");
        LeftOf(id).ShouldBeEmpty();
    }

    [Fact]
    public async Task Clone_WhereTheSourcesHostHasNoRoom_IsFilled()
    {
        var made = await CreateAsync();
        await SqlAsync(UrlOf(made), "CREATE TABLE rows (n int); INSERT INTO rows VALUES (1)");
        services.Containers.RefusalsOfHost[Image] = "it is full.";

        var clone = await CloneAsync(IdOf(made));

        services.Containers.RefusalsOfHost.TryRemove(Image, out _);
        services.Volumes.SourceOf($"{IdOf(clone)}-1").ShouldBeNull();
        (await AskAsync<long>(UrlOf(clone), "SELECT sum(n) FROM rows")).ShouldBe(1);
        await DeleteAsync(IdOf(clone), "&finalBackup=false");
        await DeleteAsync(IdOf(made), "&finalBackup=false");
    }

    [Fact]
    public async Task Restore_OfFilesThatCannotBeUnpacked_FailsAtOnce_AndSaysWhy()
    {
        var databases = Service.Services.GetRequiredService<IDatabases>();
        var ct = TestContext.Current.CancellationToken;
        var id = IdOf(await CreateAsync());
        using var garbage = new MemoryStream(Enumerable.Repeat((byte)'x', 1 << 20).ToArray());
        await databases.StageAsync(id, garbage, ct);

        await databases.RestoreAsync(Project, id, id, to: null, ct);

        await UntilAsync(id, "available");
        (await GetAsync($"/v1/databases/{id}")).GetProperty("statusReason").GetString().ShouldNotBeNull()
            .ShouldContain("invalid tar magic");
        await DeleteAsync(id, "&finalBackup=false");
        LeftOf(id).ShouldBeEmpty();
    }

    [Fact]
    public async Task WhereNoContainerCanBe_TheServerIsAProcess_AndItsCloneAContainerOnceOneCan()
    {
        services.Containers.Refusals[Image] = "there is no room.";
        var made = await CreateAsync();
        services.Containers.Refusals.TryRemove(Image, out _);
        made.GetProperty("placement").GetString().ShouldBe("process");
        made.GetProperty("placementReason").GetString()!.ShouldContain("there is no room.");
        await SqlAsync(UrlOf(made), "CREATE TABLE rows (n int); INSERT INTO rows VALUES (1)");

        var clone = await CloneAsync(IdOf(made));

        clone.GetProperty("placement").GetString().ShouldBe("container", clone.ToString());
        (await AskAsync<long>(UrlOf(clone), "SELECT sum(n) FROM rows")).ShouldBe(1);
        await DeleteAsync(IdOf(clone), "&finalBackup=false");
        await DeleteAsync(IdOf(made), "&finalBackup=false");
    }

    [Fact]
    public async Task ContainersAndVolumesOfNoDatabase_AreRemoved_AndNoOthers()
    {
        var made = await CreateAsync();
        var id = IdOf(made);
        await using (var db = await Service.OpenDbAsync())
        {
            db.Databases.Remove(await Service.RowAsync(id));
            await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        }

        var kept = await CreateAsync();
        var sweeper = Service.Services.CreateScope().ServiceProvider.GetRequiredService<ContainerSweeper>();
        await sweeper.ReconcileAsync(TestContext.Current.CancellationToken);

        LeftOf(id).ShouldBeEmpty();
        (await AskAsync<int>(UrlOf(kept), "SELECT 1")).ShouldBe(1);
        await DeleteAsync(IdOf(kept), "&finalBackup=false");
    }

    private async Task<JsonElement> CloneAsync(string id)
    {
        var clone = await PostAsync($"/v1/databases/{id}/clone?wait=120", new { name = NewName("clone") }, HttpStatusCode.Created);
        StatusOf(clone).ShouldBe("available", clone.ToString());
        return clone;
    }

    private async Task<string> RunAsync(string id, string script, int generation = 1)
    {
        var said = "";
        var end = await services.Containers.RunAsync(
            "", $"{id}-{generation}", new ContainerCommand(["/bin/sh", "-c", script]), null,
            async (output, ct) => said = await new StreamReader(output).ReadToEndAsync(ct), TestContext.Current.CancellationToken);
        end.ExitCode.ShouldBe(0, end.ErrorTail);
        return said.Trim();
    }

    private List<string> LeftOf(string id) => services.Containers.Names.Concat(services.Volumes.Names)
        .Where(name => name.StartsWith(id, StringComparison.Ordinal)).ToList();

    private static Process Postmaster(string id) => Process.GetProcesses().First(process =>
        File.Exists($"/proc/{process.Id}/cmdline") && File.ReadAllText($"/proc/{process.Id}/cmdline").StartsWith(
            $"/usr/lib/postgresql/15/bin/postgres\0-D\0/srv/{id}/", StringComparison.Ordinal));

    private static async Task<bool> AnswersAsync(string url)
    {
        try
        {
            return await AskAsync<int>(url, "SELECT 1") == 1;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }
}
