using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Cloud.Database.Databases;
using Cloud.Database.Servers;
using Cloud.Database.Tests.Kit;
using Cloud.Messaging;
using Cloud.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Database.Tests.Databases;

/// <summary>By what the instances of a database's project reach it.</summary>
public sealed class InternalAddressTests(DatabaseServices services) : DatabaseTest(services.OnPostgres)
{
    private static readonly byte[] SslRequest = [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f];

    [Fact]
    public async Task Database_HasANameAndAnAddress_ThatItsCertificateCarries_AlsoAfterARename()
    {
        var name = NewName("orders");
        var made = await CreateAsync(new { name });
        var id = IdOf(made);
        made.GetProperty("internalHost").GetString().ShouldBe($"{name}.db");
        made.GetProperty("internalAddress").GetString().ShouldBe("10.80.15.1");
        made.GetProperty("internalPort").GetInt32().ShouldBe(5432);
        var secret = new Uri(UrlOf(made)).UserInfo;
        made.GetProperty("internalConnectionString").GetString().ShouldBe($"postgres://{secret}@{name}.db:5432/app?sslmode=require");
        (await GetAsync($"/v1/databases/{id}")).GetProperty("internalConnectionString").GetString()
            .ShouldBe($"postgres://app@{name}.db:5432/app?sslmode=require");
        foreach (var known in new[] { $"{name}.db", $"{name}.db.cloud.internal", $"{id}.db", "10.80.15.1", "127.0.0.1" })
        {
            await VerifyAsync(made, known);
        }

        await Should.ThrowAsync<AuthenticationException>(() => VerifyAsync(made, "another.db"));

        // The server runs on, with another certificate.
        await using var connection = await ConnectAsync(UrlOf(made));
        var renamed = (await SendAsync(HttpMethod.Patch, $"/v1/databases/{id}", new { name = name + "-2" })).Body;
        renamed.GetProperty("internalHost").GetString().ShouldBe($"{name}-2.db");
        await Eventually.HoldsAsync(async () => await IsVerifiedAsync(made, $"{name}-2.db"), "the new name's certificate");
        (await IsVerifiedAsync(made, $"{name}.db")).ShouldBeFalse();
        (await AskAsync<int>(connection, "SELECT 1")).ShouldBe(1);
        await connection.CloseAsync();
        await DeleteAsync(id, "&finalBackup=false");
    }

    [Fact]
    public async Task Redis_HasANameAndAnAddress_ThatItsCertificateCarries_AlsoAfterARename()
    {
        var name = NewName("cache");
        var made = await CreateAsync(new { name, engine = "redis" });
        made.GetProperty("internalPort").GetInt32().ShouldBe(6379);
        made.GetProperty("internalConnectionString").GetString()!.ShouldEndWith($"@{name}.db:6379");
        await VerifyAsync(made, $"{name}.db");

        await SendAsync(HttpMethod.Patch, $"/v1/databases/{IdOf(made)}", new { name = name + "-2" });

        await VerifyAsync(made, $"{name}-2.db");
        await Should.ThrowAsync<AuthenticationException>(() => VerifyAsync(made, $"{name}.db"));
        await DeleteAsync(IdOf(made), "&finalBackup=false");
    }

    [Fact]
    public async Task DatabasesMadeAtOnce_HaveAnAddressAndAPortEach_AndAFreeOneIsUsedAgain()
    {
        var made = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => PostAsync(
            "/v1/databases", new { name = NewName("db"), engine = "redis" }, HttpStatusCode.Created)));

        made.Select(one => one.GetProperty("internalAddress").GetString()).Order()
            .ShouldBe(["10.80.15.1", "10.80.15.2", "10.80.15.3", "10.80.15.4"]);
        made.Select(one => one.GetProperty("port").GetInt32()).Distinct().Count().ShouldBe(4);
        await Task.WhenAll(made.Select(one => UntilAsync(IdOf(one), "available")));
        var second = made.Single(one => one.GetProperty("internalAddress").GetString() == "10.80.15.2");
        await DeleteAsync(IdOf(second), "&finalBackup=false");
        var next = await CreateAsync(new { name = NewName("db"), engine = "redis" });
        next.GetProperty("internalAddress").GetString().ShouldBe("10.80.15.2");
        await Task.WhenAll(made.Where(one => IdOf(one) != IdOf(second)).Append(next).Select(
            one => DeleteAsync(IdOf(one), "&finalBackup=false")));
    }

    [Fact]
    public async Task Database_FromBeforeThereWereAddresses_IsGivenOneAndItsCertificate()
    {
        var made = await CreateAsync();
        var id = new DatabaseId(IdOf(made));
        await using (var db = await Service.OpenDbAsync())
        {
            await db.Databases.Where(row => row.Id == id).ExecuteUpdateAsync(row => row.SetProperty(one => one.InternalAddress, ""));
        }

        var processes = Service.Services.GetRequiredService<ServerProcesses>();
        Service.Services.GetRequiredService<ServerCertificates>().Write(
            processes.FolderOf(await Service.RowAsync(id.Value)), await Service.RowAsync(id.Value)).ShouldBeTrue();

        Service.Services.GetRequiredService<ReconcilerSignals>().Wake<DatabaseNetwork>();

        await Eventually.HoldsAsync(
            async () => (await GetAsync($"/v1/databases/{id}")).GetProperty("internalAddress").GetString() == "10.80.15.1", "an address");
        await Eventually.HoldsAsync(async () => await IsVerifiedAsync(made, "10.80.15.1"), "its certificate");
        await DeleteAsync(id.Value, "&finalBackup=false");
    }

    private async Task<bool> IsVerifiedAsync(JsonElement database, string host)
    {
        try
        {
            await VerifyAsync(database, host);
            return true;
        }
        catch (AuthenticationException)
        {
            return false;
        }
    }

    /// <summary>Connects as a client does that believes the authority that the API hands out, and this name.</summary>
    private async Task VerifyAsync(JsonElement database, string host)
    {
        using var authority = X509Certificate2.CreateFromPem(
            (await GetAsync($"/v1/databases/{IdOf(database)}/ca-certificate")).GetString()!);
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, database.GetProperty("port").GetInt32());
        await using var stream = socket.GetStream();
        if (database.GetProperty("engine").GetString() == "postgres")
        {
            await stream.WriteAsync(SslRequest);
            stream.ReadByte().ShouldBe('S');
        }

        await using var tls = new SslStream(stream);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = host,
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { authority },
                RevocationMode = X509RevocationMode.NoCheck,
            },
        });
    }
}
