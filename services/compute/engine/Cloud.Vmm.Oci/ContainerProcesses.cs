using System.Globalization;
using System.Runtime.InteropServices;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Oci;

/// <summary>
/// A container's processes, one by one: what a host that gives its user no cgroups leaves to count them, and to hold them back. The first
/// cannot be stopped from within, so that where it is stopped all are to be.
/// </summary>
internal static partial class ContainerProcesses
{
    private const int SignalContinue = 18;
    private const int SignalStop = 19;

    /// <summary>Those that fork meanwhile are found by the next look; one that has stopped does not.</summary>
    private const int LooksMax = 100;

    /// <summary>All of them stand still.</summary>
    public static void Stop(string folder)
    {
        for (var look = 0; look < LooksMax && Find(folder).Where(one => !IsStopped(one.Stat)).ToList() is { Count: > 0 } run; look++)
        {
            run.ForEach(one => _ = Kill(one.Id, SignalStop));
        }
    }

    /// <summary>They go on, the first last: a shell does not see that what it started stood still.</summary>
    public static void Continue(string folder)
    {
        foreach (var (id, _) in Enumerable.Reverse(Find(folder)))
        {
            _ = Kill(id, SignalContinue);
        }
    }

    public static bool AreStopped(string folder) => Find(folder) is [var first, ..] && IsStopped(first.Stat);

    /// <summary>With that of those that ended before.</summary>
    public static TimeSpan ReadCpuTime(string folder) => TimeSpan.FromTicks(Find(folder).Sum(one => one.Stat.CpuTimeOfAll.Ticks));

    public static long ReadMemoryBytes(string folder) => Find(folder).Sum(one => one.Stat.ResidentBytes);

    /// <summary>The first, and all others of its process namespace.</summary>
    private static List<(int Id, ProcessStat Stat)> Find(string folder)
    {
        var first = int.Parse(File.ReadAllText(Path.Combine(folder, ContainerFolder.ProcessId)), CultureInfo.InvariantCulture);
        return NamespaceOf(first) is not { } its || its == NamespaceOf(Environment.ProcessId)
            ? [] // It has ended, and another may have its number.
            : Directory.EnumerateDirectories("/proc")
                .Select(path => int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0)
                .Where(id => id > 0 && NamespaceOf(id) == its)
                .OrderBy(id => id == first ? 0 : id)
                .Select(id => (Id: id, Stat: ProcessStat.Read(id)))
                .Where(one => one.Stat is { State: not ('Z' or 'X') })
                .Select(one => (one.Id, one.Stat!))
                .ToList();
    }

    private static bool IsStopped(ProcessStat stat) => stat.State is 'T' or 't';

    private static string? NamespaceOf(int processId)
    {
        try
        {
            return new FileInfo($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/ns/pid").LinkTarget;
        }
        catch (Exception others) when (others is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}
