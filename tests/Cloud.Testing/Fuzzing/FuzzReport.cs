namespace Cloud.Testing.Fuzzing;

/// <summary>What a walk found.</summary>
/// <param name="Seed">Repeats it.</param>
/// <param name="Operations">How many operations were walked.</param>
/// <param name="Calls">How many calls were made.</param>
/// <param name="Statuses">How often each status was answered.</param>
/// <param name="Failures">A line for each answer that breaks the rules, with the call that got it.</param>
public sealed record FuzzReport(int Seed, int Operations, int Calls, IReadOnlyDictionary<int, int> Statuses, IReadOnlyList<string> Failures)
{
    public override string ToString() =>
        $"seed {Seed}: {Operations} operations, {Calls} calls, " +
        string.Join(", ", Statuses.OrderBy(status => status.Key).Select(status => $"{status.Value}× {status.Key}")) +
        string.Concat(Failures.Take(40).Select(failure => $"\n  {failure}"));
}
