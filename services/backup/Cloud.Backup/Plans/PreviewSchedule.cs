using System.Globalization;
using Cloud.Backup.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Plans;

/// <summary>When a plan runs next.</summary>
/// <param name="Local">In the plan's time zone: RFC 3339 with its offset then.</param>
public sealed record ScheduledRun(DateTimeOffset At, string Local);

internal static class PreviewSchedule
{
    private const int PreviewDefault = 5;
    private const int PreviewMax = 1000;

    public static async Task<Page<ScheduledRun>> HandleAsync(
        string id, string? preview, Caller caller, BackupDbContext db, TimeProvider time, CancellationToken ct)
    {
        var count = PreviewDefault;
        if (preview is not null && (!int.TryParse(preview, NumberStyles.None, CultureInfo.InvariantCulture, out count)
            || count is < 1 or > PreviewMax))
        {
            throw CloudException.Invalid("preview", $"Expected a number from 1 to {PreviewMax}.");
        }

        var plan = await db.Plans.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var schedule = PlanSchedule.Parse(plan.Schedule, plan.TimeZone);
        var runs = new List<ScheduledRun>();
        for (var next = schedule.Next(time.GetUtcNow()); next is { } at && runs.Count < count; next = schedule.Next(at))
        {
            var local = TimeZoneInfo.ConvertTime(at, schedule.Zone);
            runs.Add(new ScheduledRun(at, local.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture)));
        }

        return new Page<ScheduledRun>(runs, null);
    }
}
