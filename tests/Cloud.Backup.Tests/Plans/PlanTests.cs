using System.Globalization;
using System.Net;
using Cloud.Backup.Tests.Kit;

namespace Cloud.Backup.Tests.Plans;

public sealed class PlanTests(BackupServices services) : BackupTest(services.OnSqlite)
{
    [Fact]
    public async Task Create_RefusesByField()
    {
        var (volume, _) = AddVolume();
        string[] resources = [volume];
        const string Daily = "0 3 * * *";
        await ShouldRefuseAsync("name", new { name = "No Name", schedule = Daily, resources });
        await ShouldRefuseAsync("schedule", new { name = "p", schedule = "never", resources });
        await ShouldRefuseAsync("schedule", new { name = "p", schedule = "0 3 30 2 *", resources });
        await ShouldRefuseAsync("resources[0]", new { name = "p", schedule = Daily, resources = new[] { "vol-none" } });
        await ShouldRefuseAsync("vault", new { name = "p", schedule = Daily, resources, vault = "none" });
        await ShouldRefuseAsync("retention.daily", new { name = "p", schedule = Daily, resources, retention = new { daily = -1 } });
        await ShouldRefuseAsync("webhook.url", new { name = "p", schedule = Daily, resources, webhook = new { url = "file:///etc" } });

        async Task ShouldRefuseAsync(string field, object request) => ShouldName(await PostAsync("/v1/backup-plans", request), field);
    }

    [Fact]
    public async Task Preview_SaysWhenItRuns_InItsZone()
    {
        var (volume, _) = AddVolume();
        var plan = await PlanAsync(volume, new { schedule = "15 4 * * 1", timeZone = "America/New_York" });
        var runs = (await GetAsync($"/v1/backup-plans/{IdOf(plan)}/schedule?preview=3")).GetProperty("items").EnumerateArray().ToList();
        runs.Count.ShouldBe(3);
        runs.Select(run => run.GetProperty("local").GetString()!).ShouldAllBe(
            local => local.Contains("T04:15:00-0", StringComparison.Ordinal)
                && DateTimeOffset.Parse(local, CultureInfo.InvariantCulture).DayOfWeek == DayOfWeek.Monday);
        ShouldName(await SendAsync(HttpMethod.Get, $"/v1/backup-plans/{IdOf(plan)}/schedule?preview=0"), "preview");
    }

    [Fact]
    public async Task DeletedVolume_StaysInThePlan_AndItsPointsRestore()
    {
        var (volume, bytes) = AddVolume();
        var plan = await PlanAsync(volume);
        var point = await BackUpAsync(plan);
        Storage.Remove(volume);
        var (status, jobs) = await PostAsync($"/v1/backup-plans/{IdOf(plan)}/run?wait=60");
        status.ShouldBe(HttpStatusCode.OK);
        jobs.GetProperty("items").GetArrayLength().ShouldBe(0);
        var restored = await JobAsync($"/v1/recovery-points/{point}/restore", new { name = NewName("restored") });
        Storage.BytesOf(restored.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
    }

    [Fact]
    public async Task Another_ProjectsPlan_IsNotFound()
    {
        var (volume, _) = AddVolume();
        var plan = await PlanAsync(volume);
        (await SendAsync(HttpMethod.Get, $"/v1/backup-plans/{IdOf(plan)}", project: "prj-stranger")).Status
            .ShouldBe(HttpStatusCode.NotFound);
        (await SendAsync(HttpMethod.Post, $"/v1/backup-plans/{IdOf(plan)}/run", project: "prj-stranger")).Status
            .ShouldBe(HttpStatusCode.NotFound);
    }
}
