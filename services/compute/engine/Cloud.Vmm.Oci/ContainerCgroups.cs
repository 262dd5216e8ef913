using System.Globalization;
using Cloud.Vmm.Qemu.Cgroups;

namespace Cloud.Vmm.Oci;

/// <summary>The cgroups that the runtime made for a container: where its processor time and memory are counted, in v1 and in v2.</summary>
internal static class ContainerCgroups
{
    private const string Mount = "/sys/fs/cgroup";
    private const long MicrosecondTicks = TimeSpan.TicksPerMicrosecond;
    private const long NanosecondsPerTick = 100;

    private static readonly string? Delegated = FindDelegated();

    /// <summary>Whether this host lets limits be set: to root always, to an ordinary user where a cgroup was delegated to him.</summary>
    public static bool AreThere => UserNamespace.Own is null || Delegated is not null;

    /// <summary>Whether processor time is among them: systemd passes on no more than memory and pids where nothing else was set.</summary>
    public static bool LimitCpu => UserNamespace.Own is null || (Delegated is not null && Passes(Delegated, "cpu"));

    /// <summary>Where a container's cgroup is made. The runtime passes over those that it may not make where none is asked for.</summary>
    public static string PathOf(string id) => AreThere ? $"{Delegated?[Mount.Length..]}/{NameOf(id)}" : "";

    /// <summary>The folders of the cgroups that a container's process has to itself, of those that can be seen from here.</summary>
    public static IReadOnlyList<string> Find(int processId, string id)
    {
        var found = new List<string>();
        foreach (var line in File.ReadAllLines($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/cgroup"))
        {
            if (line.Split(':', 3) is not [_, var controllers, var path] || Path.GetFileName(path) != NameOf(id))
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

    /// <summary>
    /// The folder beside the agent's own in cgroup v2, where that is an ordinary user's (cgroups(7), "delegation") and bounds what he
    /// starts.
    /// </summary>
    private static string? FindDelegated()
    {
        if (UserNamespace.Own is null || !File.Exists($"{Mount}/cgroup.controllers"))
        {
            return null;
        }

        var found = CgroupLayout.Find(Mount, File.ReadAllLines("/proc/self/cgroup")) is [var unified] ? unified.Parent : null;
        return found is not null && Passes(found, "memory") && Passes(found, "pids") && IsOwn(found) ? found : null;
    }

    private static bool Passes(string folder, string controller) =>
        File.ReadAllText(Path.Combine(folder, "cgroup.subtree_control")).Split((char[])[' ', '\n']).Contains(controller);

    /// <summary>Whether cgroups may be made there and processes moved there.</summary>
    private static bool IsOwn(string folder)
    {
        try
        {
            using var processes = File.OpenWrite(Path.Combine(folder, "cgroup.procs"));
            var tried = Path.Combine(folder, $"cloud-try-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}");
            Directory.CreateDirectory(tried);
            Directory.Delete(tried);
            return true;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string NameOf(string id) => $"cloud-{id}";

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
