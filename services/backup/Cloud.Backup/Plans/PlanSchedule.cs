using Cloud.Primitives;
using Cronos;

namespace Cloud.Backup.Plans;

/// <summary>
/// When a plan runs: a cron expression of five fields, in a time zone. A time that daylight saving skips is moved behind the gap; one that
/// comes twice runs once.
/// </summary>
internal sealed class PlanSchedule
{
    public const string Form = "Expected a cron expression of five fields, such as \"0 3 * * *\"";

    private const int ExpressionLengthMax = 200;

    private readonly CronExpression _cron;

    private PlanSchedule(CronExpression cron, TimeZoneInfo zone) => (_cron, Zone) = (cron, zone);

    public TimeZoneInfo Zone { get; }

    /// <exception cref="CloudException">One of the two is not known.</exception>
    public static PlanSchedule Parse(string schedule, string timeZone)
    {
        var errors = new FieldErrors();
        CronExpression? cron = null;
        try
        {
            cron = schedule.Length <= ExpressionLengthMax ? CronExpression.Parse(schedule) : null;
            errors.Require(cron is not null, "schedule", $"{Form}.");
        }
        catch (CronFormatException wrong)
        {
            errors.Add("schedule", $"{Form}: {wrong.Message}");
        }

        var known = IsZoneName(timeZone) & TimeZoneInfo.TryFindSystemTimeZoneById(timeZone, out var zone);
        errors.Require(known, "timeZone", "Expected a name of the tz database, such as \"Europe/Madrid\" or \"UTC\".");
        errors.ThrowIfAny();
        return new PlanSchedule(cron!, zone!);
    }

    /// <returns>Null where it never runs again, such as on 30 February.</returns>
    public DateTimeOffset? Next(DateTimeOffset after) =>
        _cron.GetNextOccurrence(after.UtcDateTime, Zone) is { } next ? new DateTimeOffset(next, TimeSpan.Zero) : null;

    // It is looked up as a file: nothing that climbs out of the folder of zones.
    private static bool IsZoneName(string name) =>
        name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '-' or '+');
}
