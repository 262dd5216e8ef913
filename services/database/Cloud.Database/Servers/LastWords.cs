using static System.StringComparison;

namespace Cloud.Database.Servers;

/// <summary>What a program that failed said of it, in a few words for who asked for it.</summary>
internal static class LastWords
{
    private const int LengthMax = 200;

    private static readonly string[] Ends = [" FATAL: ", " PANIC: "];

    /// <summary>The last line of a program's errors.</summary>
    public static string OfProgram(string errors) => After(LinesOf(errors).LastOrDefault());

    /// <summary>
    /// The message that a PostgreSQL server ended with, by its log. No other line of that: there are users' statements among them.
    /// </summary>
    public static string OfServer(string log)
    {
        var found = from line in LinesOf(log)
                    from end in Ends
                    let at = line.IndexOf(end, Ordinal)
                    where at >= 0
                    select line[at..].Trim();
        return After(found.LastOrDefault());
    }

    private static string[] LinesOf(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static string After(string? said) => said is null ? "." : $": {said[..Math.Min(said.Length, LengthMax)]}";
}
