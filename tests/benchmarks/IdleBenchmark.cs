using System.Globalization;

namespace Cloud.Benchmarks;

/// <summary>Memory and CPU of the cloud's processes at rest, the switch included, guests not.</summary>
internal static class IdleBenchmark
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(60);

    public static async Task RunAsync(CloudUnderMeasure cloud)
    {
        var processes = cloud.Units.Append(new("supervisor", Supervisor(cloud))).Concat(Switches(cloud)).ToList();
        await Task.Delay(TimeSpan.FromSeconds(10));
        var before = processes.ToDictionary(process => process.Value, process => CloudUnderMeasure.CpuSecondsOf(process.Value));
        await Task.Delay(Rest);
        var (memory, cpu) = (0L, 0d);
        foreach (var (name, pid) in processes)
        {
            var spent = (CloudUnderMeasure.CpuSecondsOf(pid) - before[pid]) / Rest.TotalSeconds * 100;
            var held = CloudUnderMeasure.MemoryOf(pid);
            memory += held;
            cpu += spent;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-16} {held >> 20,6} MiB  {spent,6:F2} % of a core"));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"in all",-16} {memory >> 20,6} MiB  {cpu,6:F2} % of a core"));
    }

    private static int Supervisor(CloudUnderMeasure cloud) =>
        int.Parse(File.ReadAllText(Path.Combine(cloud.Data, "run", "supervisor.pid")).Split(' ')[0], CultureInfo.InvariantCulture);

    private static IEnumerable<KeyValuePair<string, int>> Switches(CloudUnderMeasure cloud)
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out _)))
        {
            string line;
            try
            {
                line = File.ReadAllText(Path.Combine(folder, "cmdline"));
            }
            catch (IOException)
            {
                continue;
            }

            if (line.Contains("cloud-switch", StringComparison.Ordinal) && line.Contains(cloud.Data, StringComparison.Ordinal))
            {
                yield return new("cloud-switch", int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture));
            }
        }
    }
}
