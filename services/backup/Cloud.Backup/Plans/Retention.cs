using Cloud.Primitives;

namespace Cloud.Backup.Plans;

/// <summary>
/// How many recovery points of a resource stay: the newest, and the last one of so many hours, days, weeks, months and years.
/// </summary>
public sealed record Retention
{
    /// <summary>No number is larger.</summary>
    public const int CountMax = 10_000;

    public int Last { get; init; }

    public int Hourly { get; init; }

    public int Daily { get; init; }

    /// <summary>Weeks begin on Mondays (ISO 8601).</summary>
    public int Weekly { get; init; }

    public int Monthly { get; init; }

    public int Yearly { get; init; }

    /// <summary>What a plan has that says nothing.</summary>
    public static Retention Default { get; } = new() { Last = 3, Daily = 7, Weekly = 4, Monthly = 12 };

    internal void Check(FieldErrors errors)
    {
        int[] counts = [Last, Hourly, Daily, Weekly, Monthly, Yearly];
        string[] names = ["last", "hourly", "daily", "weekly", "monthly", "yearly"];
        for (var at = 0; at < counts.Length; at++)
        {
            errors.Require(counts[at] is >= 0 and <= CountMax, $"retention.{names[at]}", $"Expected 0 to {CountMax}.");
        }

        errors.Require(counts.Any(count => count > 0), "retention", "A retention that keeps nothing makes no backups.");
    }

    /// <summary>Which rules keep each point, in the order given; none for one that goes.</summary>
    /// <param name="takenAt">When the points of one resource were taken, newest first.</param>
    /// <param name="zone">Whose days, weeks, months and years count.</param>
    internal IReadOnlyList<IReadOnlyList<string>> Judge(IReadOnlyList<DateTimeOffset> takenAt, TimeZoneInfo zone)
    {
        var rules = takenAt.Select(_ => new List<string>()).ToList();
        for (var at = 0; at < Math.Min(Last, takenAt.Count); at++)
        {
            rules[at].Add("last");
        }

        Keep("hourly", Hourly, time => $"{time:yyyy-MM-dd HH} {time.Offset}");
        Keep("daily", Daily, time => $"{time:yyyy-MM-dd}");
        Keep("weekly", Weekly, time => Monday(time));
        Keep("monthly", Monthly, time => $"{time:yyyy-MM}");
        Keep("yearly", Yearly, time => $"{time:yyyy}");
        return rules;

        void Keep(string rule, int count, Func<DateTimeOffset, string> periodOf)
        {
            var seen = new HashSet<string>(StringComparer.Ordinal);
            for (var at = 0; at < takenAt.Count && seen.Count < count; at++)
            {
                // The newest of each period that has one.
                if (seen.Add(periodOf(TimeZoneInfo.ConvertTime(takenAt[at], zone))))
                {
                    rules[at].Add(rule);
                }
            }
        }
    }

    private static string Monday(DateTimeOffset time)
    {
        var day = DateOnly.FromDateTime(time.DateTime);
        return $"{day.AddDays(-(((int)day.DayOfWeek + 6) % 7)):yyyy-MM-dd}";
    }
}
