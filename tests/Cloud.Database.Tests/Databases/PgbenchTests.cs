using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.Text.RegularExpressions;
using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Database.Tests.Databases;

/// <summary>pgbench against processes.</summary>
public sealed class ProcessPgbenchTests(DatabaseServices services) : PgbenchTests(services.OnSqlite);

/// <summary>pgbench against containers.</summary>
public sealed class ContainerPgbenchTests(DatabaseServices services) : PgbenchTests(services.InContainers);

/// <summary>
/// PostgreSQL's own load through all that is done to a server: every transaction that was acknowledged is accounted for, and PostgreSQL's
/// own programs find nothing wrong.
/// </summary>
public abstract partial class PgbenchTests(DatabaseUnderTest service) : DatabaseTest(service)
{
    private const string Programs = "/usr/lib/postgresql/15/bin/";

    private const int Clients = 3;

    private static readonly int Seconds =
        int.Parse(Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "1", CultureInfo.InvariantCulture);

    [Fact]
    public async Task EveryAcknowledgedTransaction_IsThere_ThroughResizeRestartAndRestore()
    {
        var made = await CreateAsync();
        var (id, url) = (IdOf(made), UrlOf(made));
        await PgbenchAsync(url, "--initialize", "--quiet", "--scale=1");
        var acknowledged = 0L;
        var broken = 0;
        foreach (var (action, request) in new[] { ("resize", (object?)new { type = "small", sizeBytes = "2Gi" }), ("restart", null) })
        {
            var load = LoadAsync(url);
            await Task.Delay(TimeSpan.FromSeconds(Seconds) / 2);
            await ActAsync(id, action, request);
            acknowledged += await load;
            broken += Clients;
            await CheckAsync(url, acknowledged, broken);
        }

        acknowledged += await LoadAsync(url);
        var before = await CheckAsync(url, acknowledged, broken);
        var window = await GetAsync($"/v1/databases/{id}/recovery-window");
        await ActAsync(id, "restore", new { to = window.GetProperty("latest").GetDateTimeOffset(), inPlace = true });
        (await CheckAsync(url, acknowledged, broken)).ShouldBe(before);
        (await AskAsync<string>(url, "SHOW data_checksums")).ShouldBe("on");
        var row = await Service.RowAsync(id);
        (await EngineOf(row).CheckAsync(row, TestContext.Current.CancellationToken)).ShouldBeNull("pg_amcheck has findings");
        (await VerifyBaseAsync(id, _ => { })).ShouldContain("backup successfully verified");
        (await VerifyBaseAsync(id, folder => File.AppendAllText(Path.Combine(folder, "global", "pg_filenode.map"), "x")))
            .ShouldContain("\"global/pg_filenode.map\" has size");
        await DeleteAsync(id, "&finalBackup=false");
    }

    /// <summary>
    /// Each transaction is a row of the history, and its amount is in all three balances. One a client may be done, and not acknowledged.
    /// </summary>
    private static async Task<long> CheckAsync(string url, long acknowledged, int broken)
    {
        await using var connection = await ConnectAsync(url);
        var rows = await AskAsync<long>(connection, "SELECT count(*) FROM pgbench_history");
        rows.ShouldBeInRange(acknowledged, acknowledged + broken);
        (await AskAsync<bool>(
            connection,
            """
            SELECT (SELECT sum(delta) FROM pgbench_history) = ALL (ARRAY[
                (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
                (SELECT sum(bbalance) FROM pgbench_branches)])
            """)).ShouldBeTrue();
        return rows;
    }

    /// <summary>How many transactions were acknowledged until the time was over, or its connections were.</summary>
    private static async Task<long> LoadAsync(string url)
    {
        var said = await PgbenchAsync(url, "--no-vacuum", $"--client={Clients}", $"--time={Seconds}");
        return long.Parse(Processed().Match(said).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private static Task<string> PgbenchAsync(string url, params IReadOnlyList<string> arguments) =>
        SaidAsync("pgbench", [.. arguments, url]);

    private IServerEngine EngineOf(ManagedDatabase row) => Service.Services.GetRequiredService<ServerEngines>().Of(row);

    /// <summary>What <c>pg_verifybackup</c> says of the newest base backup, as it lies in the archive.</summary>
    private async Task<string> VerifyBaseAsync(string id, Action<string> change)
    {
        var ct = TestContext.Current.CancellationToken;
        var row = await Service.RowAsync(id);
        var engine = EngineOf(row);
        var state = await engine.DescribeArchiveAsync(row, ct);
        var folder = Directory.CreateTempSubdirectory("cloud-test-");
        try
        {
            await using (var tar = await engine.OpenBaseAsync(row, state.Base.Id, ct))
            {
                await TarFile.ExtractToDirectoryAsync(tar, folder.FullName, overwriteFiles: false, ct);
            }

            change(folder.FullName);

            // The log is not in it.
            return await SaidAsync("pg_verifybackup", "--no-parse-wal", folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<string> SaidAsync(string program, params IReadOnlyList<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Programs + program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output + await errors;
    }

    [GeneratedRegex(@"number of transactions actually processed: (\d+)")]
    private static partial Regex Processed();
}
