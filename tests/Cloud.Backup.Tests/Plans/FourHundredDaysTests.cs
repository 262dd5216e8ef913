using System.Net;
using System.Text.Json;
using Cloud.Backup.Persistence;
using Cloud.Backup.Plans;
using Cloud.Backup.Tests.Kit;
using Cloud.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Backup.Tests.Plans;

/// <summary>A plan over 400 days of the injected clock, on real bytes in a real vault.</summary>
public sealed class FourHundredDaysTests : IDisposable
{
    private const int Days = 400;
    private const int SizeBytes = 256 * 1024;

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-400-days-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Plan_RunsEveryDay_KeepsWhatItSays_AndEachPointRestoresItsDay()
    {
        var clock = new ShiftedClock();
        // At noon: so that no hour of the days that change the clocks lies between two looks, or lies there twice.
        clock.Advance(TimeSpan.FromHours(36) - clock.GetUtcNow().TimeOfDay);
        await using var service = await BackupsUnderTest.StartAsync(_folder, clock: clock);
        var bytes = new byte[SizeBytes];
        var volume = service.Storage.AddVolume("data", bytes);
        var (status, plan) = await service.SendAsync(HttpMethod.Post, "/v1/backup-plans", new
        {
            name = "daily",
            schedule = "0 3 * * *",
            timeZone = "Europe/Madrid",
            resources = new[] { volume },
            verify = false,
            retention = new { last = 2, daily = 7, weekly = 4, monthly = 12, yearly = 3 },
        }, "prj-days");
        status.ShouldBe(HttpStatusCode.Created, plan.ToString());
        var days = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        for (var day = 0; day < Days; day++)
        {
            BitConverter.TryWriteBytes(bytes.AsSpan(day * 611 % (SizeBytes - 4)), day + 1);
            clock.Advance(TimeSpan.FromDays(1));
            var job = await RunDueAsync(service, plan);
            days[job.GetProperty("recoveryPoint").GetString()!] = bytes.ToArray();
        }

        // A fortnight during which nobody looked is made up for by one run.
        clock.Advance(TimeSpan.FromDays(14));
        days[(await RunDueAsync(service, plan)).GetProperty("recoveryPoint").GetString()!] = bytes.ToArray();
        days.Count.ShouldBe(Days + 1);

        await Eventually.HoldsAsync(async () => (await PointsAsync(service)).Count <= 25, "the points that go are gone");
        var points = await PointsAsync(service);
        points.Count.ShouldBeInRange(18, 25);
        var (_, verdicts) = await service.SendAsync(
            HttpMethod.Post, $"/v1/backup-plans/{plan.GetProperty("id").GetString()}/prune?dryRun=true", null, "prj-days");
        verdicts.GetProperty("items").EnumerateArray().ShouldAllBe(verdict => verdict.GetProperty("keeps").GetArrayLength() > 0);
        foreach (var point in points)
        {
            await RestoresAsync(service, point, days[point]);
        }
    }

    private static async Task<JsonElement> RunDueAsync(BackupsUnderTest service, JsonElement plan)
    {
        await using var scope = service.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<PlanScheduler>().ReconcileAsync(CancellationToken.None);
        var id = new PlanId(plan.GetProperty("id").GetString()!);
        var last = await scope.ServiceProvider.GetRequiredService<BackupDbContext>().Jobs.AsNoTracking()
            .Where(one => one.Plan == id).OrderByDescending(one => one.Id).Select(one => one.Id).FirstAsync();
        var (_, job) = await service.SendAsync(HttpMethod.Get, $"/v1/backup-jobs/{last}?wait=60", null, "prj-days");
        job.GetProperty("status").GetString().ShouldBe("succeeded", job.ToString());
        return job;
    }

    private static async Task<List<string>> PointsAsync(BackupsUnderTest service)
    {
        var (_, points) = await service.SendAsync(HttpMethod.Get, "/v1/recovery-points?limit=1000", null, "prj-days");
        return [.. points.GetProperty("items").EnumerateArray().Select(point => point.GetProperty("id").GetString()!)];
    }

    private static async Task RestoresAsync(BackupsUnderTest service, string point, byte[] expected)
    {
        var (_, job) = await service.SendAsync(
            HttpMethod.Post, $"/v1/recovery-points/{point}/restore?wait=60", new { name = point }, "prj-days");
        job.GetProperty("status").GetString().ShouldBe("succeeded", job.ToString());
        service.Storage.BytesOf(job.GetProperty("restored").GetString()!).AsSpan().SequenceEqual(expected).ShouldBeTrue(point);
    }
}
