using System.Net;
using Cloud.Database.Servers;
using Cloud.Database.Tests.Kit;
using Cloud.ServiceDefaults.Auth;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Cloud.Database.Tests.Databases;

/// <summary>Databases that are made, run, resized, stopped and removed.</summary>
public sealed class DatabaseLifeTests(DatabaseServices services) : DatabaseTest(services.OnSqlite)
{
    [Fact]
    public async Task Server_RunsWithoutRights_AndSpeaksOnlyTls()
    {
        var made = await CreateAsync();
        var row = await Service.RowAsync(IdOf(made));
        var folder = Service.Services.GetRequiredService<ServerProcesses>().FolderOf(row);
        var process = (await File.ReadAllLinesAsync(folder.ProcessFile))[0];
        var (uid, own) = (await UidsAsync(process), await UidsAsync("self"));
        uid.ShouldBe(ServerPrograms.IsRoot ? own.Replace("0", $"{row.ServerUid}", StringComparison.Ordinal) : own);

        var plain = TextOf(UrlOf(made));
        plain.SslMode = SslMode.Disable;
        await using var connection = new NpgsqlConnection(plain.ConnectionString);
        (await Should.ThrowAsync<PostgresException>(() => connection.OpenAsync())).SqlState.ShouldBe("28000");

        // The authority that the API hands out signs the server's certificate.
        var authority = Path.Combine(folder.Root, "authority.pem");
        await File.WriteAllTextAsync(authority, (await GetAsync($"/v1/databases/{IdOf(made)}/ca-certificate")).GetString());
        var verified = TextOf(UrlOf(made));
        (verified.SslMode, verified.RootCertificate) = (SslMode.VerifyFull, authority);
        await using var checkedConnection = new NpgsqlConnection(verified.ConnectionString);
        await checkedConnection.OpenAsync();
        await checkedConnection.CloseAsync();
        await DeleteAsync(IdOf(made), "&finalBackup=false");
        Directory.Exists(folder.Root).ShouldBeFalse();

        // It is gone, or dead and not yet buried by the machine's first process.
        (Directory.Exists($"/proc/{process}") ? await File.ReadAllTextAsync($"/proc/{process}/cmdline") : "").ShouldBe("");
    }

    [Fact]
    public async Task StopStartRestartResize_KeepWhatWasWritten()
    {
        var made = await CreateAsync();
        var id = IdOf(made);
        await SqlAsync(UrlOf(made), "CREATE TABLE kept (n int); INSERT INTO kept SELECT generate_series(1, 1000)");

        await ActAsync(id, "stop", status: "stopped");
        await Should.ThrowAsync<NpgsqlException>(() => ConnectAsync(UrlOf(made)));
        RefusalOf(await SendAsync(HttpMethod.Get, $"/v1/databases/{id}/metrics"), HttpStatusCode.Conflict).ShouldBe("wrong-status");
        await ActAsync(id, "start");
        (await AskAsync<long>(UrlOf(made), "SELECT count(*) FROM kept")).ShouldBe(1000);

        var pending = (await SendAsync(HttpMethod.Patch, $"/v1/databases/{id}", new
        {
            parameters = new { max_connections = "33", log_min_duration_statement = "0" },
        })).Body;
        pending.GetProperty("restartPending").GetBoolean().ShouldBeTrue(pending.ToString());
        (await ActAsync(id, "restart")).GetProperty("restartPending").GetBoolean().ShouldBeFalse();
        (await AskAsync<string>(UrlOf(made), "SHOW max_connections")).ShouldBe("33");

        var resized = await ActAsync(id, "resize", new { type = "small", sizeBytes = "2Gi" });
        resized.GetProperty("sizeBytes").GetInt64().ShouldBe(2L << 30);
        (await AskAsync<string>(UrlOf(made), "SHOW shared_buffers")).ShouldBe("128MB");
        (await AskAsync<long>(UrlOf(made), "SELECT count(*) FROM kept")).ShouldBe(1000);

        var metrics = await GetAsync($"/v1/databases/{id}/metrics");
        metrics.GetProperty("connectionsMax").GetInt32().ShouldBe(33);
        metrics.GetProperty("usedBytes").GetInt64().ShouldBeGreaterThan(1 << 20);
        (await GetAsync($"/v1/databases/{id}/queries")).GetProperty("items").EnumerateArray()
            .ShouldContain(query => query.GetProperty("query").GetString()!.Contains("count(*) FROM kept"));
        (await GetAsync($"/v1/databases/{id}/logs?tail=1000")).GetString()!.ShouldContain("SELECT count(*) FROM kept");
        await DeleteAsync(id, "&finalBackup=false");
    }

    [Fact]
    public async Task DeletedDatabase_ComesBackFromItsFinalBackup()
    {
        var made = await CreateAsync(new { name = "gone", deletionProtection = true });
        var id = IdOf(made);
        await SqlAsync(UrlOf(made), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)");
        RefusalOf(await SendAsync(HttpMethod.Delete, $"/v1/databases/{id}"), HttpStatusCode.Conflict).ShouldBe("deletion-protected");
        await SendAsync(HttpMethod.Patch, $"/v1/databases/{id}", new { deletionProtection = false });

        await DeleteAsync(id);
        (await SendAsync(HttpMethod.Get, $"/v1/databases/{id}")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await SendAsync(HttpMethod.Delete, $"/v1/databases/{id}")).Status.ShouldBe(HttpStatusCode.NoContent);
        IdOf((await GetAsync("/v1/databases?status=deleted")).GetProperty("items")[0]).ShouldBe(id);

        await ActAsync(id, "undelete");
        (await AskAsync<int>(UrlOf(made), "SELECT n FROM kept")).ShouldBe(42);

        await DeleteAsync(id, "&finalBackup=false");
        RefusalOf(await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/undelete"), HttpStatusCode.Conflict).ShouldBe("not-deleted");
        (await SendAsync(HttpMethod.Post, $"/v1/databases/{id}/undelete", project: NewName("prj"))).Status
            .ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task BadInput_IsNamed()
    {
        ShouldName(await CreateBadAsync(new { name = "Not A Name" }), "name");
        ShouldName(await CreateBadAsync(new { name = "x", engine = "oracle" }), "engine");
        ShouldName(await CreateBadAsync(new { name = "x", version = "9.6" }), "version");
        ShouldName(await CreateBadAsync(new { name = "x", type = "huge" }), "type");
        ShouldName(await CreateBadAsync(new { name = "x", sizeBytes = 5 }), "sizeBytes");
        ShouldName(await CreateBadAsync(new { name = "x", sizeBytes = "32Ti" }), "sizeBytes");
        ShouldName(await CreateBadAsync(new { name = "x", parameters = new { work_mem = "plenty" } }), "parameters.work_mem");
        ShouldName(await CreateBadAsync(new { name = "x", parameters = new { work_mem = "1" } }), "parameters.work_mem");
        ShouldName(await CreateBadAsync(new { name = "x", parameters = new { shared_buffers = "900GB" } }), "parameters.shared_buffers");
        ShouldName(await CreateBadAsync(new { name = "x", parameters = new { log_statement = "'; x" } }), "parameters.log_statement");
        ShouldName(await CreateBadAsync(new { name = "x", parameters = new { no_such = "1" } }), "parameters.no_such");

        // What reaches files, programs, networks or durability is the cloud's.
        string[] clouds = ["archive_command", "shared_preload_libraries", "listen_addresses", "fsync", "data_directory", "ssl"];
        foreach (var parameter in clouds)
        {
            ShouldName(
                await CreateBadAsync(new { name = "x", parameters = new Dictionary<string, string> { [parameter] = "on" } }),
                $"parameters.{parameter}");
        }

        (await SendAsync(HttpMethod.Post, "/v1/databases", new { name = "x" }, Role.Viewer)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await SendAsync(HttpMethod.Get, "/v1/databases/db-nothing")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    private Task<(HttpStatusCode Status, System.Text.Json.JsonElement Body)> CreateBadAsync(object request) =>
        SendAsync(HttpMethod.Post, "/v1/databases", request);

    private static async Task<string> UidsAsync(string process) =>
        (await File.ReadAllLinesAsync($"/proc/{process}/status")).Single(line => line.StartsWith("Uid:", StringComparison.Ordinal));
}
