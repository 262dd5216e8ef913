using System.Diagnostics;
using System.Net;
using Cloud.Database.Tests.Kit;

namespace Cloud.Database.Tests.Databases;

public sealed class SqliteCreateTests(DatabaseServices services) : CreateTests(services.OnSqlite);

public sealed class PostgresCreateTests(DatabaseServices services) : CreateTests(services.OnPostgres);

/// <summary>From the call to a server.</summary>
public abstract class CreateTests(DatabaseUnderTest service) : DatabaseTest(service)
{
    [Fact]
    public async Task Create_AnswersWhatPsqlTakesAtOnce_WithTheRecoveryWindowOpen()
    {
        var made = await CreateAsync(new { name = "orders", parameters = new { work_mem = "3MB" } });

        (await PsqlAsync(UrlOf(made), "SELECT current_user || ' ' || current_setting('work_mem')")).ShouldBe("app 3MB");
        (await PsqlAsync(UrlOf(made), "SHOW data_checksums")).ShouldBe("on");
        var window = await GetAsync($"/v1/databases/{IdOf(made)}/recovery-window");
        window.GetProperty("latest").GetDateTimeOffset().ShouldBeGreaterThanOrEqualTo(window.GetProperty("earliest").GetDateTimeOffset());

        // Whoever did not make it is not shown the password.
        var read = UrlOf(await GetAsync($"/v1/databases/{IdOf(made)}"));
        read.ShouldBe($"postgres://app@127.0.0.1:{made.GetProperty("port").GetInt32()}/app?sslmode=require");
        var row = await Service.RowAsync(IdOf(made));
        System.Text.Encoding.UTF8.GetString(row.OwnerSecret).ShouldNotContain(TextOf(UrlOf(made)).Password!);
        RefusalOf(await SendAsync(HttpMethod.Post, "/v1/databases", new { name = "orders" }), HttpStatusCode.Conflict)
            .ShouldBe("name-taken");
        await DeleteAsync(IdOf(made), "&finalBackup=false");
    }

    private static async Task<string> PsqlAsync(string url, string sql)
    {
        using var psql = Process.Start(new ProcessStartInfo("psql", [url, "-AtXc", sql])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = await psql.StandardOutput.ReadToEndAsync();
        var errors = await psql.StandardError.ReadToEndAsync();
        await psql.WaitForExitAsync();
        errors.ShouldBe("");
        return output.Trim();
    }
}

/// <summary>What new servers have to themselves.</summary>
public sealed class AddressTests(DatabaseServices services)
{
    [Fact]
    public async Task CreatesAtOnce_HavePortsOfTheirOwn_AsManyAsThereAre()
    {
        const int Ports = 4;
        await using var service = await DatabaseUnderTest.StartAsync(services.NewFolder(), ports: Ports);
        var answers = await Task.WhenAll(Enumerable.Range(0, Ports).Select(number => service.SendAsync(
            HttpMethod.Post, "/v1/databases?wait=60", new { name = $"at-once-{number}", engine = "redis" }, $"prj-{number}")));
        answers.Select(answer => answer.Body.GetProperty("status").GetString()).ShouldAllBe(status => status == "available");
        answers.Select(answer => answer.Body.GetProperty("port").GetInt32()).ShouldBeUnique();
        var (status, refusal) = await service.SendAsync(HttpMethod.Post, "/v1/databases", new { name = "one-more" }, "prj-0");
        status.ShouldBe(HttpStatusCode.Conflict, refusal.ToString());
        refusal.GetProperty("code").GetString().ShouldBe("no-port");
    }
}
