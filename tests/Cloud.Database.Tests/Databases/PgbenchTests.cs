using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Cloud.Database.Tests.Kit;

namespace Cloud.Database.Tests.Databases;

/// <summary>PostgreSQL's own load through all that is done to a server: every transaction that was acknowledged is accounted for.</summary>
public sealed partial class PgbenchTests(DatabaseServices services) : DatabaseTest(services.OnSqlite)
{
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

    private static async Task<string> PgbenchAsync(string url, params IReadOnlyList<string> arguments)
    {
        using var pgbench = Process.Start(new ProcessStartInfo("/usr/lib/postgresql/15/bin/pgbench", [.. arguments, url])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = pgbench.StandardError.ReadToEndAsync();
        var output = await pgbench.StandardOutput.ReadToEndAsync();
        await pgbench.WaitForExitAsync();
        return output + await errors;
    }

    [GeneratedRegex(@"number of transactions actually processed: (\d+)")]
    private static partial Regex Processed();
}
