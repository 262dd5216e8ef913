using Cloud.Backup.Plans;
using Cloud.Primitives;

namespace Cloud.Backup.Tests.Plans;

public sealed class RetentionTests
{
    [Fact]
    public void Schedule_AcrossDaylightSaving_SkipsNothingAndDoublesNothing()
    {
        // Madrid: 02:30 does not exist on 29 March 2026 and comes twice on 25 October 2026.
        var schedule = PlanSchedule.Parse("30 2 * * *", "Europe/Madrid");
        Runs(schedule, At(2026, 3, 27, 12), 4).ShouldBe(
            [At(2026, 3, 28, 1, 30), At(2026, 3, 29, 1, 0), At(2026, 3, 30, 0, 30), At(2026, 3, 31, 0, 30)]);
        Runs(schedule, At(2026, 10, 23, 12), 4).ShouldBe(
            [At(2026, 10, 24, 0, 30), At(2026, 10, 25, 0, 30), At(2026, 10, 26, 1, 30), At(2026, 10, 27, 1, 30)]);
    }

    [Theory]
    [InlineData("61 * * * *", "UTC", "schedule")]
    [InlineData("every day", "UTC", "schedule")]
    [InlineData("0 3 * * *", "Mars/Olympus", "timeZone")]
    [InlineData("0 3 * * *", "../../etc/passwd", "timeZone")]
    public void Schedule_ThatIsNone_IsRefusedByField(string schedule, string zone, string field) =>
        Should.Throw<CloudException>(() => PlanSchedule.Parse(schedule, zone)).Errors.Keys.ShouldBe([field]);

    [Fact]
    public void Retention_KeepsTheNewestOfEachPeriod_InThePlansZone()
    {
        var retention = new Retention { Last = 2, Daily = 3, Weekly = 2, Monthly = 2, Yearly = 2 };
        var madrid = TimeZoneInfo.FindSystemTimeZoneById("Europe/Madrid");
        DateTimeOffset[] taken =
        [
            At(2026, 1, 2, 12), At(2026, 1, 2, 6), At(2026, 1, 1, 12), At(2025, 12, 31, 23, 30), At(2025, 12, 31, 6), At(2025, 12, 24, 6),
            At(2025, 11, 1, 6),
        ];
        var rules = retention.Judge(taken, madrid).Select(of => string.Join(' ', of)).ToArray();
        rules.ShouldBe(
        [
            "last daily weekly monthly yearly", "last", "daily",

            // 23:30 in UTC is 1 January in Madrid: that day has a newer one.
            "", "daily monthly yearly", "weekly", "",
        ]);
    }

    private static IEnumerable<DateTimeOffset> Runs(PlanSchedule schedule, DateTimeOffset after, int count)
    {
        for (var at = schedule.Next(after); count > 0 && at is { } next; count--, at = schedule.Next(next))
        {
            yield return next;
        }
    }

    private static DateTimeOffset At(int year, int month, int day, int hour, int minute = 0) =>
        new(year, month, day, hour, minute, 0, TimeSpan.Zero);
}
