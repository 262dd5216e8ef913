namespace Cloud.Vmm.Qemu.Probing;

/// <summary>What a guest found when it looked for the seven problems of virtualizing a processor.</summary>
/// <param name="Problems">Whether each is solved, by its name.</param>
/// <param name="Reason">Why some are not among them; null where all are.</param>
internal sealed record ProblemsFound(IReadOnlyDictionary<string, bool> Problems, string? Reason)
{
    private const string Solved = "ok";
    private const string Unsolved = "wrong";
    private const int ProblemsMax = 16;

    public static ProblemsFound None(string reason) => new(new Dictionary<string, bool>(), reason);

    /// <summary>From the guest's console: a line <c>NAME ok</c> or <c>NAME wrong N</c> each.</summary>
    public static ProblemsFound Of(string console, string? reason) => new(
        console.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .Where(words => words.Length >= 2 && words[1] is Solved or Unsolved).Take(ProblemsMax)
            .DistinctBy(words => words[0]).ToDictionary(words => words[0], words => words[1] == Solved, StringComparer.Ordinal),
        reason);
}
