using System.Net;
using System.Text.Json;
using Cloud.Backup.Plans;
using Cloud.Backup.Tests.Kit;
using Cloud.Backup.Vaults;
using Cloud.Messaging;
using Cloud.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Backup.Tests.Plans;

/// <summary>What comes by itself when the clock has come to it.</summary>
public sealed class PlanClockTests : IAsyncLifetime
{
    private const string Project = "prj-clock";
    private const int SizeBytes = 512 * 1024;

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-plan-clock-").FullName;
    private readonly ShiftedClock _clock = new();
    private BackupsUnderTest _service = null!;

    public async ValueTask InitializeAsync()
    {
        // At one o'clock, far from the hour of the plans.
        _clock.Advance(TimeSpan.FromHours(25) - _clock.GetUtcNow().TimeOfDay);
        _service = await BackupsUnderTest.StartAsync(_folder, clock: _clock);

        // Events leave the outbox as soon as they are there.
        await using var db = await _service.OpenDbAsync();
        await db.Database.ExecuteSqlAsync(
            $"""
            CREATE TABLE "told" ("At" INTEGER PRIMARY KEY, "Value" TEXT NOT NULL);
            CREATE TRIGGER "telling" AFTER INSERT ON "outbox" BEGIN INSERT INTO "told" ("Value") VALUES (NEW."Body"); END
            """);
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Run_ThatComesAfterItsStartWindow_IsLeftOut_AndTheNextOneIsNot()
    {
        var plan = await PlanAsync(new byte[SizeBytes], startWindowMinutes: 60);
        var due = plan.GetProperty("nextRunAt").GetDateTimeOffset();
        _clock.Advance(due - _clock.GetUtcNow() + TimeSpan.FromMinutes(61));
        await LookAsync();
        var missed = await GetAsync($"/v1/backup-plans/{IdOf(plan)}");
        missed.GetProperty("nextRunAt").GetDateTimeOffset().ShouldBe(due.AddDays(1));
        missed.GetProperty("lastRunAt").ValueKind.ShouldBe(JsonValueKind.Null);
        (await EventsAsync("backup-plan.missed")).ShouldBe([IdOf(plan)]);
        (await JobsAsync(plan)).ShouldBeEmpty();

        _clock.Advance(due.AddDays(1) - _clock.GetUtcNow() + TimeSpan.FromMinutes(59));
        await LookAsync();
        (await JobsAsync(plan)).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task VerifyOfTheWeek_FindsAFlippedBit_MarksEveryPointThatNeedsIt_AndTheNextBackupHealsThem()
    {
        var bytes = new byte[SizeBytes];
        new Random(8).NextBytes(bytes);

        // In half a year: what runs by itself would heal before anything is found.
        var plan = await PlanAsync(bytes, schedule: $"0 3 1 {_clock.GetUtcNow().AddDays(180).Month} *");
        var first = await RunAsync(plan);
        bytes[0]++;
        var second = await RunAsync(plan);
        bytes[SizeBytes - 1]++;
        var third = await RunAsync(plan);
        var packs = Directory.GetFiles(Path.Combine(_folder, "objects", "vaults"), "*", SearchOption.AllDirectories)
            .Where(path => path.Contains("/packs/", StringComparison.Ordinal));
        var pack = packs.MaxBy(path => new FileInfo(path).Length)!;
        var stored = await File.ReadAllBytesAsync(pack);

        // The last chunk of the first point: the third has another in its place.
        stored[^(64 * 1024)] ^= 1;
        await File.WriteAllBytesAsync(pack, stored);
        _clock.Advance(TimeSpan.FromDays(8));
        _service.Services.GetRequiredService<ReconcilerSignals>().Wake<VaultKeeper>();
        await Eventually.HoldsAsync(async () => await StatusOfAsync(first) == "damaged", "a verify that nobody asked for has found it");
        (await StatusOfAsync(second)).ShouldBe("damaged");
        (await StatusOfAsync(third)).ShouldBe("available");
        var vault = await GetAsync($"/v1/vaults/{plan.GetProperty("vault").GetString()}");
        vault.GetProperty("statusReason").GetString()!.ShouldContain(Path.GetFileName(pack));

        (await EventsAsync("vault.damaged")).ShouldBe([IdOf(vault)]);
        (await EventsAsync("recovery-point.damaged")).ShouldBe([first, second], ignoreOrder: true);

        bytes[SizeBytes - 1]--;
        await RunAsync(plan);
        (await EventsAsync("recovery-point.healed")).ShouldBe([first, second], ignoreOrder: true);
        foreach (var point in new[] { first, second, third })
        {
            (await StatusOfAsync(point)).ShouldBe("available");
        }
    }

    /// <summary>Of which resources events of a type were raised.</summary>
    private async Task<List<string>> EventsAsync(string type)
    {
        await using var db = await _service.OpenDbAsync();
        var told = await db.Database.SqlQuery<string>($"""SELECT "Value" FROM "told" ORDER BY "At" ASC""").ToListAsync();
        return [.. told.Select(body => JsonDocument.Parse(body).RootElement)
            .Where(body => body.TryGetProperty("type", out var own) && own.GetString() == type)
            .Select(body => body.GetProperty("data").GetProperty("id").GetString()!)];
    }

    /// <summary>Has the scheduler look at the clock.</summary>
    private async Task LookAsync()
    {
        await using var scope = _service.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<PlanScheduler>().ReconcileAsync(CancellationToken.None);
    }

    private async Task<JsonElement> PlanAsync(byte[] bytes, int? startWindowMinutes = null, string schedule = "0 3 * * *")
    {
        var (status, plan) = await _service.SendAsync(
            HttpMethod.Post, "/v1/backup-plans",
            new
            {
                name = "clocked",
                schedule,
                retention = new { last = 10 },
                resources = new[] { _service.Storage.AddVolume("data", bytes) },
                verify = false,
                startWindowMinutes,
            },
            Project);
        status.ShouldBe(HttpStatusCode.Created, plan.ToString());
        return plan;
    }

    /// <summary>Runs a plan now; its recovery point.</summary>
    private async Task<string> RunAsync(JsonElement plan)
    {
        var (_, jobs) = await _service.SendAsync(HttpMethod.Post, $"/v1/backup-plans/{IdOf(plan)}/run?wait=60", null, Project);
        var job = jobs.GetProperty("items")[0];
        job.GetProperty("status").GetString().ShouldBe("succeeded", job.ToString());
        return job.GetProperty("recoveryPoint").GetString()!;
    }

    private async Task<string> StatusOfAsync(string point) =>
        (await GetAsync($"/v1/recovery-points/{point}")).GetProperty("status").GetString()!;

    private async Task<List<JsonElement>> JobsAsync(JsonElement plan) =>
        [.. (await GetAsync($"/v1/backup-jobs?plan={IdOf(plan)}")).GetProperty("items").EnumerateArray()];

    private async Task<JsonElement> GetAsync(string path)
    {
        var (status, body) = await _service.SendAsync(HttpMethod.Get, path, null, Project);
        status.ShouldBe(HttpStatusCode.OK, body.ToString());
        return body;
    }

    private static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;
}
