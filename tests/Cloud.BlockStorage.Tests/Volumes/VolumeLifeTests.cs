using System.Net;
using System.Text.Json;
using Cloud.BlockStorage.Tests.Kit;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Tests.Volumes;

public sealed class VolumeLifeTestsOnSqlite(BlockStorages storages) : VolumeLifeTests(storages.OnSqlite);

public sealed class VolumeLifeTestsOnPostgres(BlockStorages storages) : VolumeLifeTests(storages.OnPostgres);

/// <summary>A volume from its create to its delete, with what is refused on the way.</summary>
public abstract class VolumeLifeTests(BlockStorageUnderTest storage) : BlockStorageTest(storage)
{
    [Fact]
    public async Task Create_Blank_IsMadeOnAHost_AndRoundedUpToMebibytes()
    {
        var id = await CreateAsync(new { name = "blank", sizeBytes = (5 * Mebibyte) + 1, labels = new { tier = "gold" } });
        var volume = await GetAsync($"/v1/volumes/{id}");
        volume.GetProperty("sizeBytes").GetInt64().ShouldBe(6 * Mebibyte);
        volume.GetProperty("host").GetString().ShouldBe(FakeVolumeHosts.Host);
        volume.GetProperty("labels").GetProperty("tier").GetString().ShouldBe("gold");
        Hosts.VolumeOf(id)!.SizeBytes.ShouldBe(6 * Mebibyte);
    }

    [Fact]
    public async Task Create_OfAType_HasItsLimits_WhichCanOnlyBeLowered()
    {
        var types = (await GetAsync("/v1/volume-types")).GetProperty("items").EnumerateArray()
            .ToDictionary(type => type.GetProperty("name").GetString()!);
        var limit = types["balanced"].GetProperty("operationsPerSecond").GetInt64();
        var id = await CreateAsync(new { name = "typed", sizeBytes = Mebibyte, type = "balanced", bytesPerSecond = 2 * Mebibyte });
        var volume = await GetAsync($"/v1/volumes/{id}");
        volume.GetProperty("type").GetString().ShouldBe("balanced");
        volume.GetProperty("operationsPerSecond").GetInt64().ShouldBe(limit);
        volume.GetProperty("bytesPerSecond").GetInt64().ShouldBe(2 * Mebibyte);
        await AttachAsync(id, AddInstance());
        Hosts.PluggedOf(id)!.OperationsPerSecond.ShouldBe(limit);

        ShouldName(await PostAsync("/v1/volumes", new { name = "quick", sizeBytes = Mebibyte, type = "quick" }), "type");
        ShouldName(
            await PostAsync("/v1/volumes", new { name = "more", sizeBytes = Mebibyte, type = "balanced", operationsPerSecond = limit + 1 }),
            "operationsPerSecond");
    }

    [Fact]
    public async Task Create_EncryptedOrRaw_SaysSoToTheHost_AndACopyIsWhatItsSourceIs()
    {
        var secret = await CreateAsync(new { name = "secret", sizeBytes = Mebibyte, encrypted = true });
        Hosts.VolumeOf(secret)!.Encrypted.ShouldBeTrue();
        (await GetAsync($"/v1/volumes/{secret}")).GetProperty("encrypted").GetBoolean().ShouldBeTrue();
        var copy = await CreateAsync(new { name = "secret-copy", snapshot = await SnapshotAsync(secret) });
        Hosts.VolumeOf(copy)!.Encrypted.ShouldBeTrue();
        ShouldName(await PostAsync("/v1/volumes", new { name = "open", volume = secret, encrypted = false }), "encrypted");

        var raw = await CreateAsync(new { name = "raw", sizeBytes = Mebibyte, format = "raw" });
        Hosts.VolumeOf(raw)!.Raw.ShouldBeTrue();
        (await GetAsync($"/v1/volumes/{raw}")).GetProperty("format").GetString().ShouldBe("raw");
        ShouldName(await PostAsync("/v1/volumes", new { name = "hidden", volume = raw, encrypted = true }), "encrypted");
        ShouldName(await PostAsync("/v1/volumes", new { name = "raw-copy", volume = raw, format = "raw" }), "format");
        ShouldName(
            await PostAsync("/v1/volumes", new { name = "raw-hidden", sizeBytes = Mebibyte, format = "raw", encrypted = true }), "format");
        Hosts.VolumeOf(raw)!.WriteThrough.ShouldBeFalse();
        var log = await CreateAsync(new { name = "log", sizeBytes = Mebibyte, format = "raw", type = "log" });
        Hosts.VolumeOf(log)!.WriteThrough.ShouldBeTrue();
        ShouldName(await PostAsync("/v1/volumes", new { name = "log-2", sizeBytes = Mebibyte, type = "log" }), "format");
        ShouldName(
            await PostAsync(
                "/v1/volumes", new { name = "log-2", sizeBytes = Mebibyte, format = "raw", type = "log", operationsPerSecond = 10 }),
            "type");
        ShouldName(await PostAsync("/v1/volumes", new { name = "vmdk", sizeBytes = Mebibyte, format = "vmdk" }), "format");
    }

    [Fact]
    public async Task MasterKeys_AreMadeAnewByAnAdministratorAlone()
    {
        var before = Hosts.Rotations;
        (await PostAsync("/v1/volumes/master-keys/rotate")).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await SendAsync(HttpMethod.Post, "/v1/volumes/master-keys/rotate", role: Role.Admin)).Status.ShouldBe(HttpStatusCode.NoContent);
        Hosts.Rotations.ShouldBeGreaterThan(before);
    }

    [Fact]
    public async Task MasterKeys_AreShownToAnAdministratorAlone()
    {
        (await SendAsync(HttpMethod.Get, "/v1/volumes/master-keys", role: Role.Owner)).Status.ShouldBe(HttpStatusCode.Forbidden);

        var shown = await SendAsync(HttpMethod.Get, "/v1/volumes/master-keys", role: Role.Admin);

        shown.Status.ShouldBe(HttpStatusCode.OK);
        var key = shown.Body.GetProperty("items").EnumerateArray().ShouldHaveSingleItem();
        key.GetProperty("host").GetString().ShouldBe(FakeVolumeHosts.Host);
        key.GetProperty("masterKey").GetString().ShouldBe(new string('6', 64));
    }

    [Fact]
    public async Task Create_OfAnImage_IsAtLeastAsLargeAsIt()
    {
        var id = await CreateAsync(new { name = "of-image", image = "tiny" });
        Hosts.VolumeOf(id)!.ShouldSatisfyAllConditions(
            made => made.Image.ShouldBe("img-tiny"), made => made.SizeBytes.ShouldBe(64 * Mebibyte));
        ShouldName(await PostAsync("/v1/volumes", new { name = "small", image = "tiny", sizeBytes = 32 * Mebibyte }), "sizeBytes");
    }

    [Fact]
    public async Task Create_OfAVolume_NamesItToTheHost()
    {
        var source = await CreateAsync();
        var clone = await CreateAsync(new { name = "clone", volume = source });
        Hosts.VolumeOf(clone)!.ShouldSatisfyAllConditions(
            made => made.Source.ShouldBe(source), made => made.SizeBytes.ShouldBe(8 * Mebibyte));
    }

    [Fact]
    public async Task Create_OfWhatIsNone_NamesTheField()
    {
        ShouldName(await PostAsync("/v1/volumes", new { name = "Not A Name", sizeBytes = Mebibyte }), "name");
        ShouldName(await PostAsync("/v1/volumes", new { name = "sizeless" }), "sizeBytes");
        ShouldName(await PostAsync("/v1/volumes", new { name = "tiny", sizeBytes = Mebibyte - 1 }), "sizeBytes");
        ShouldName(await PostAsync("/v1/volumes", new { name = "many", sizeBytes = "many" }), "sizeBytes");
        ShouldName(await PostAsync("/v1/volumes", new { name = "huge", sizeBytes = long.MaxValue }), "sizeBytes");
        ShouldName(await PostAsync("/v1/volumes", new { name = "negative", sizeBytes = -1 }), "sizeBytes");
        ShouldName(await PostAsync("/v1/volumes", new { name = "imageless", image = "none" }), "image");
        ShouldName(await PostAsync("/v1/volumes", new { name = "snapless", snapshot = "none" }), "snapshot");
        ShouldName(await PostAsync("/v1/volumes", new { name = "volumeless", volume = "none" }), "volume");
        ShouldName(await PostAsync("/v1/volumes", new { name = "both", image = "tiny", volume = "none" }), "image");
        ShouldName(
            await PostAsync("/v1/volumes", new { name = "still", sizeBytes = Mebibyte, operationsPerSecond = 0 }), "operationsPerSecond");
        ShouldName(await PostAsync("/v1/volumes", new { name = "slow", sizeBytes = Mebibyte, bytesPerSecond = 1 }), "bytesPerSecond");
    }

    [Fact]
    public async Task Create_OfAnotherProjectsVolume_IsRefusedAsIfItWereNone()
    {
        var volume = await CreateAsync();
        ShouldName(
            await SendAsync(HttpMethod.Post, "/v1/volumes", new { name = "stolen", volume }, project: NewName("prj")), "volume");
    }

    [Fact]
    public async Task Create_UnderATakenName_IsRefused_UntilItsVolumeIsDeleted()
    {
        var id = await CreateAsync(new { name = "taken", sizeBytes = Mebibyte });
        RefusalOf(await PostAsync("/v1/volumes", new { name = "taken", sizeBytes = Mebibyte }), HttpStatusCode.Conflict)
            .ShouldBe("name-taken");
        (await SendAsync(HttpMethod.Delete, $"/v1/volumes/{id}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);
        await CreateAsync(new { name = "taken", sizeBytes = Mebibyte });
    }

    [Fact]
    public async Task Volume_OfAnotherProject_IsNotThere()
    {
        var id = await CreateAsync();
        var other = NewName("prj");
        (await SendAsync(HttpMethod.Get, $"/v1/volumes/{id}", project: other)).Status.ShouldBe(HttpStatusCode.NotFound);
        (await SendAsync(HttpMethod.Delete, $"/v1/volumes/{id}", project: other)).Status.ShouldBe(HttpStatusCode.NotFound);
        (await SendAsync(HttpMethod.Post, $"/v1/volumes/{id}/resize", new { sizeBytes = 9 * Mebibyte }, project: other))
            .Status.ShouldBe(HttpStatusCode.NotFound);
        (await SendAsync(HttpMethod.Get, "/v1/volumes", project: other)).Body.GetProperty("items").GetArrayLength().ShouldBe(0);
        (await SendAsync(HttpMethod.Get, $"/v1/volumes/{id}", role: Role.Viewer)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Patch_RenamesLabelsAndProtects_AndTheListFindsIt()
    {
        var id = await CreateAsync();
        var (status, patched) = await SendAsync(
            HttpMethod.Patch, $"/v1/volumes/{id}", new { name = "renamed", labels = new { a = "1" }, deletionProtection = true });
        status.ShouldBe(HttpStatusCode.OK, patched.ToString());
        patched.GetProperty("deletionProtection").GetBoolean().ShouldBeTrue();
        IdOf((await GetAsync("/v1/volumes?name=renamed")).GetProperty("items")[0]).ShouldBe(id);
        IdOf((await GetAsync("/v1/volumes?label=a%3D1&status=available")).GetProperty("items")[0]).ShouldBe(id);
        RefusalOf(await SendAsync(HttpMethod.Delete, $"/v1/volumes/{id}"), HttpStatusCode.Conflict).ShouldBe("deletion-protected");
        await SendAsync(HttpMethod.Patch, $"/v1/volumes/{id}", new { deletionProtection = false });
        (await SendAsync(HttpMethod.Delete, $"/v1/volumes/{id}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task List_InPages_HasEachVolumeOnce()
    {
        var made = new List<string>();
        for (var at = 0; at < 5; at++)
        {
            made.Add(await CreateAsync());
        }

        var listed = new List<string>();
        string? cursor = null;
        do
        {
            var page = await GetAsync($"/v1/volumes?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}");
            listed.AddRange(page.GetProperty("items").EnumerateArray().Select(IdOf));
            cursor = page.TryGetProperty("nextCursor", out var next) ? next.GetString() : null;
        }
        while (cursor is not null);

        listed.ShouldBe(made, ignoreOrder: true);
    }

    [Fact]
    public async Task Create_ThatItsHostRefuses_Fails_AndCanBeDeleted()
    {
        var (_, made) = await HeldCreateAsync(CloudException.Conflict("no-space", "The host's disk is full."));
        var failed = await GetAsync($"/v1/volumes/{IdOf(made)}?wait=60");
        StatusOf(failed).ShouldBe("failed");
        ReasonOf(failed)!.ShouldContain("The host's disk is full.");
        (await SendAsync(HttpMethod.Delete, $"/v1/volumes/{IdOf(made)}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await UsedAsync("volumes")).ShouldBe(0);
        (await UsedAsync("volumeBytes")).ShouldBe(0);
    }

    [Fact]
    public async Task Create_WhileItsHostIsAway_GoesOnWhenItIsBack()
    {
        var (_, made) = await HeldCreateAsync(new CloudException(ErrorKind.Unavailable, "host-unreachable", "Away."));
        await UntilAsync(IdOf(made), "available");
    }

    [Fact]
    public async Task Resize_Grows_AndNeverShrinks()
    {
        var id = await CreateAsync();
        var (status, grown) = await PostAsync($"/v1/volumes/{id}/resize?wait=60", new { sizeBytes = "16Mi" });
        status.ShouldBe(HttpStatusCode.OK, grown.ToString());
        grown.GetProperty("sizeBytes").GetInt64().ShouldBe(16 * Mebibyte);
        Hosts.VolumeOf(id)!.SizeBytes.ShouldBe(16 * Mebibyte);
        ShouldName(await PostAsync($"/v1/volumes/{id}/resize", new { sizeBytes = 8 * Mebibyte }), "sizeBytes");
        (await UsedAsync("volumeBytes")).ShouldBe(16 * Mebibyte);
    }

    [Fact]
    public async Task Resize_ThatItsHostRefuses_LeavesTheSizeAndTheQuota_AndSaysWhy()
    {
        var id = await CreateAsync();
        Hosts.Refusals[("PutAsync", id)] = CloudException.Conflict("no-space", "The host's disk is full.");
        var (_, refused) = await PostAsync($"/v1/volumes/{id}/resize?wait=60", new { sizeBytes = 16 * Mebibyte });
        StatusOf(refused).ShouldBe("available");
        ReasonOf(refused)!.ShouldContain("The host's disk is full.");
        refused.GetProperty("sizeBytes").GetInt64().ShouldBe(8 * Mebibyte);
        (await UsedAsync("volumeBytes")).ShouldBe(8 * Mebibyte);
    }

    [Fact]
    public async Task Delete_RemovesItFromItsHost_AndASecondOneAgrees()
    {
        var id = await CreateAsync();
        (await SendAsync(HttpMethod.Delete, $"/v1/volumes/{id}?wait=60")).Status.ShouldBe(HttpStatusCode.NoContent);
        Hosts.VolumeOf(id).ShouldBeNull();
        (await SendAsync(HttpMethod.Delete, $"/v1/volumes/{id}")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await SendAsync(HttpMethod.Get, $"/v1/volumes/{id}")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await UsedAsync("volumes")).ShouldBe(0);
        (await UsedAsync("volumeBytes")).ShouldBe(0);
    }

    [Fact]
    public async Task Quota_OfManyCreatesAtOnce_IsFilledExactly()
    {
        const int Limit = 10;
        await LimitAsync("volumes", Limit);
        var answers = await Task.WhenAll(Enumerable.Range(0, 3 * Limit).Select(
            at => PostAsync("/v1/volumes", new { name = $"many-{at}", sizeBytes = Mebibyte })));
        answers.Count(answer => answer.Status == HttpStatusCode.Created).ShouldBe(Limit);
        foreach (var refused in answers.Where(answer => answer.Status != HttpStatusCode.Created))
        {
            RefusalOf(refused, HttpStatusCode.Conflict).ShouldBe("quota-exceeded");
        }
    }

    [Fact]
    public async Task Quota_OfBytes_HoldsForResizesToo()
    {
        await LimitAsync("volumeBytes", 12 * Mebibyte);
        var id = await CreateAsync();
        RefusalOf(await PostAsync($"/v1/volumes/{id}/resize", new { sizeBytes = 13 * Mebibyte }), HttpStatusCode.Conflict)
            .ShouldBe("quota-exceeded");
        StatusOf(await GetAsync($"/v1/volumes/{id}")).ShouldBe("available");
        (await PostAsync($"/v1/volumes/{id}/resize?wait=60", new { sizeBytes = 12 * Mebibyte })).Status.ShouldBe(HttpStatusCode.OK);
        RefusalOf(await PostAsync("/v1/volumes", new { name = "more", sizeBytes = Mebibyte }), HttpStatusCode.Conflict)
            .ShouldBe("quota-exceeded");
    }

    /// <summary>A volume whose host refuses its first make.</summary>
    private async Task<(HttpStatusCode Status, JsonElement Body)> HeldCreateAsync(CloudException refusal)
    {
        // The id is not known before the row is there: the host is held until it can be told what to refuse.
        var source = await CreateAsync();
        var held = new TaskCompletionSource();
        Hosts.Waits["PutAsync"] = held.Task;
        try
        {
            var made = await PostAsync("/v1/volumes", new { name = NewName("held"), volume = source });
            made.Status.ShouldBe(HttpStatusCode.Created, made.Body.ToString());
            Hosts.Refusals[("PutAsync", IdOf(made.Body))] = refusal;
            await SendAsync(HttpMethod.Delete, $"/v1/volumes/{source}");
            return made;
        }
        finally
        {
            Hosts.Waits.TryRemove("PutAsync", out _);
            held.SetResult();
            await UntilGoneAsync(source);
        }
    }

    private async Task<long> UsedAsync(string quota)
    {
        await using var db = await Storage.OpenDbAsync();
        return await db.Database.SqlQuery<long>(
            $"""SELECT "Used" AS "Value" FROM "quota_counts" WHERE "Project" = {Project} AND "Name" = {quota}""").SingleAsync();
    }
}
