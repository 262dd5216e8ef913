using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Cloud.Vmm.Qemu.Cgroups;

/// <summary>
/// The cgroups of machines' processes: made before the guest runs, removed after its end. Where the host has none to give, none.
/// </summary>
internal sealed partial class MachineCgroups
{
    private const string OwnFile = "/proc/self/cgroup";
    private const string Processes = "cgroup.procs";

    private readonly ILogger _log;
    private readonly IReadOnlyList<CgroupHierarchy> _hierarchies;
    private bool _said;

    public MachineCgroups(string folder, ILogger log)
    {
        _log = log;
        _hierarchies = File.Exists(OwnFile) ? CgroupLayout.Find(folder, File.ReadAllLines(OwnFile)) : [];
        if (_hierarchies.Count == 0)
        {
            Say("the host has none to give");
        }
    }

    /// <summary>Makes a machine's cgroups with its limits and answers their folders.</summary>
    public IReadOnlyList<string> Make(string machineId, MachineLimits limits)
    {
        var made = new List<string>();
        foreach (var hierarchy in _hierarchies)
        {
            var folder = Path.Combine(hierarchy.Parent, $"cloud-{machineId}");
            if (!Try(() => Directory.CreateDirectory(folder)))
            {
                continue;
            }

            made.Add(folder);
            foreach (var (file, value) in hierarchy.Files(limits))
            {
                var path = Path.Combine(folder, file);
                if (File.Exists(path))
                {
                    Try(() => File.WriteAllText(path, value));
                }
            }
        }

        return made;
    }

    /// <summary>Takes a process in. Its guest does not run yet.</summary>
    public void Join(IReadOnlyList<string> cgroups, int processId)
    {
        foreach (var cgroup in cgroups)
        {
            Try(() => File.WriteAllText(Path.Combine(cgroup, Processes), processId.ToString(CultureInfo.InvariantCulture)));
        }
    }

    /// <summary>Whether the kernel ended a process for want of the memory that its cgroup may have.</summary>
    public static bool RanOutOfMemory(IReadOnlyList<string> cgroups) => cgroups
        .SelectMany(cgroup => (string[])[Path.Combine(cgroup, "memory.events"), Path.Combine(cgroup, "memory.oom_control")])
        .Where(File.Exists)
        .SelectMany(File.ReadLines)
        .Any(line => line.StartsWith("oom_kill ", StringComparison.Ordinal) && line != "oom_kill 0");

    /// <summary>Removes the cgroups of a process that has ended.</summary>
    public void Remove(IReadOnlyList<string> cgroups)
    {
        foreach (var cgroup in cgroups.Where(Directory.Exists))
        {
            try
            {
                // A cgroup's files go with it: this is no recursive removal.
                Directory.Delete(cgroup);
            }
            catch (IOException busy)
            {
                LogKept(_log, busy.Message);
            }
        }
    }

    private bool Try(Action act)
    {
        try
        {
            act();
            return true;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            Say(refused.Message);
            return false;
        }
    }

    private void Say(string reason)
    {
        if (!Interlocked.Exchange(ref _said, true))
        {
            LogNone(_log, reason);
        }
    }

    [LoggerMessage(EventId = 3207, Level = LogLevel.Warning, Message = "Machines get no cgroup limits, or not all: {Reason}")]
    private static partial void LogNone(ILogger log, string reason);

    [LoggerMessage(EventId = 3208, Level = LogLevel.Warning, Message = "A machine's cgroup could not be removed: {Reason}")]
    private static partial void LogKept(ILogger log, string reason);
}
