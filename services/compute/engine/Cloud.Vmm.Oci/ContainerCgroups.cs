using System.Globalization;

namespace Cloud.Vmm.Oci;

/// <summary>The cgroups that the runtime made for a container: where its processor time and memory are counted, in v1 and in v2.</summary>
internal static class ContainerCgroups
{
    private const string Mount = "/sys/fs/cgroup";
    private const long MicrosecondTicks = TimeSpan.TicksPerMicrosecond;
    private const long NanosecondsPerTick = 100;

    /// <summary>The folders of a process's cgroups, of those that can be seen from here.</summary>
    public static IReadOnlyList<string> Find(int processId)
    {
        var found = new List<string>();
        foreach (var line in File.ReadAllLines($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/cgroup"))
        {
            if (line.Split(':', 3) is not [_, var controllers, var path] || path == "/")
            {
                continue;
            }

            string[] mounts = controllers.Length == 0 ? [Mount, $"{Mount}/unified"] : [$"{Mount}/{controllers}"];

            // In a container the path may be the host's; what is seen from inside is its end.
            string[] paths = [path, $"/{Path.GetFileName(path)}"];
            if (mounts.SelectMany(mount => paths.Select(at => mount + at)).FirstOrDefault(Directory.Exists) is { } folder)
            {
                found.Add(folder);
            }
        }

        return found;
    }

    public static TimeSpan? ReadCpuTime(IReadOnlyList<string> cgroups) =>
        ReadNumber(cgroups, "cpuacct.usage") is { } nanoseconds
            ? TimeSpan.FromTicks(nanoseconds / NanosecondsPerTick)
            : ReadField(cgroups, "cpu.stat", "usage_usec ") is { } microseconds
                ? TimeSpan.FromTicks(microseconds * MicrosecondTicks)
                : null;

    public static long? ReadMemoryBytes(IReadOnlyList<string> cgroups) =>
        ReadNumber(cgroups, "memory.usage_in_bytes") ?? ReadNumber(cgroups, "memory.current");

    private static long? ReadNumber(IReadOnlyList<string> cgroups, string file) =>
        Read(cgroups, file) is { } text && long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    private static long? ReadField(IReadOnlyList<string> cgroups, string file, string field) =>
        Read(cgroups, file)?.Split('\n').FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal)) is { } line
            ? long.Parse(line[field.Length..], CultureInfo.InvariantCulture)
            : null;

    private static string? Read(IReadOnlyList<string> cgroups, string file)
    {
        foreach (var path in cgroups.Select(cgroup => Path.Combine(cgroup, file)).Where(File.Exists))
        {
            try
            {
                return File.ReadAllText(path);
            }
            catch (IOException)
            {
                // The container has ended meanwhile.
            }
        }

        return null;
    }
}
