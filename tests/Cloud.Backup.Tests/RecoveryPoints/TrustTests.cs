using System.Net;
using Cloud.Backup.Tests.Kit;
using Cloud.Backup.Tests.Vaults;
using Cloud.Backup.Vaults;
using Cloud.Backup.Vaults.Storage;
using Cloud.Primitives;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Backup.Tests.RecoveryPoints;

/// <summary>A recovery point is what this cloud stored, or it is not restored: also where others have the vault's key.</summary>
public sealed class TrustTests(BackupServices services) : BackupTest(services.OnSqlite), IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-trust-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task PointThatAKeysHolderWroteOver_IsNeverRestored_AndIsFoundByAVerify()
    {
        var (volume, _) = AddVolume();
        var vault = await NewVaultAsync();
        var point = await BackUpAsync(await PlanAsync(volume, new { vault }));
        var key = VaultKey.Import((await GetAsync($"/v1/vaults/{vault}/key")).GetProperty("key").GetString()!);
        using (var theirs = await Vault.OpenAsync(new FolderStorage(FolderOf(vault)), key, default))
        {
            await TestVault.SaveAsync(theirs, point, new byte[VolumeBytes]);
        }

        var job = await JobAsync($"/v1/recovery-points/{point}/restore", new { name = NewName("never") }, expected: "failed");
        job.GetProperty("statusReason").GetString()!.ShouldContain("is not the one that was stored");
        (await SendAsync(HttpMethod.Get, $"/v1/recovery-points/{point}/files")).Status.ShouldBe(HttpStatusCode.Conflict);
        await JobAsync($"/v1/vaults/{vault}/verify", expected: "failed");
        StatusOf(await GetAsync($"/v1/recovery-points/{point}")).ShouldBe("damaged");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DatabaseOfAVaultThatWasTakenOver_IsStartedOnlyWhereAnAdminTookIt(bool byAdmin)
    {
        var (volume, bytes) = AddVolume();
        var database = Databases.Add(NewName("db"), new Dictionary<string, byte[]> { ["PG_VERSION"] = [49] });
        var place = Path.Combine(_folder, "vault");
        var (status, vault) = await SendAsync(
            HttpMethod.Post, "/v1/vaults", new { name = "disk", folder = place }, Cloud.ServiceDefaults.Auth.Role.Admin);
        status.ShouldBe(HttpStatusCode.Created, vault.ToString());
        var ofDatabase = await BackUpAsync(await PlanAsync(database, new { vault = "disk" }));
        var ofVolume = await BackUpAsync(await PlanAsync(volume, new { vault = "disk" }));
        var key = (await GetAsync($"/v1/vaults/{IdOf(vault)}/key")).GetProperty("key").GetString()!;

        await using var other = await BackupsUnderTest.StartAsync(Path.Combine(_folder, "cloud"));
        await other.Services.GetRequiredService<NewVaults>().CreateAsync(
            Project, "taken-over", Labels.None, VaultKind.Folder, _ => place, new VaultSecrets(key), 0, byAdmin, default);
        var made = await RestoreAsync(other, ofVolume);
        StatusOf(made).ShouldBe("succeeded", made.ToString());
        other.Storage.BytesOf(made.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
        StatusOf(await RestoreAsync(other, ofDatabase)).ShouldBe(byAdmin ? "succeeded" : "failed");
        other.Databases.Names.Count().ShouldBe(byAdmin ? 1 : 0);
        other.Databases.Staged.ShouldBeEmpty();
        var (_, verify) = await other.SendAsync(HttpMethod.Post, $"/v1/recovery-points/{ofDatabase}/verify?wait=30", null, Project);
        StatusOf(verify).ShouldBe(byAdmin ? "succeeded" : "failed");
    }

    private async Task<System.Text.Json.JsonElement> RestoreAsync(BackupsUnderTest service, string point) => (await service.SendAsync(
        HttpMethod.Post, $"/v1/recovery-points/{point}/restore?wait=30", new { name = NewName("again") }, Project)).Body;
}
