using System.Globalization;

namespace Cloud.Benchmarks;

/// <summary>Figures as they are printed: the median first, since machines are noisy.</summary>
internal static class Figures
{
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    public static void Print(string what, IReadOnlyCollection<double> values, string unit) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{what,-52} {Median(values),9:F3} {unit}   (least {values.Min():F3}, most {values.Max():F3}, of {values.Count})"));

    public static void PrintRatio(string what, double ratio) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-52} {ratio,9:F2} times"));
}
