namespace Cloud.Vmm.Qemu.Cgroups;

/// <summary>
/// Where this host lets machines' cgroups be made: v2 alone, v1 alone, or both side by side, as systemd's hybrid layout has them. In v1 a
/// machine's are below the agent's own. In v2 they stand beside it, for there a cgroup with processes has no children with controllers.
/// </summary>
internal static class CgroupLayout
{
    private static readonly string[] Controllers = ["memory", "cpu", "pids"];

    /// <param name="folder">Where cgroups are mounted: <c>/sys/fs/cgroup</c>.</param>
    /// <param name="own">The lines of <c>/proc/self/cgroup</c>: id, controllers, path.</param>
    public static IReadOnlyList<CgroupHierarchy> Find(string folder, IReadOnlyList<string> own)
    {
        var found = new List<CgroupHierarchy>();
        foreach (var line in own)
        {
            var parts = line.Split(':', 3);
            if (parts.Length != 3)
            {
                continue;
            }

            if (parts[1].Length == 0)
            {
                if (FindUnified(folder, parts[2]) is { } unified)
                {
                    found.Add(new CgroupHierarchy(unified, CgroupHierarchy.Unified));
                }
            }
            else if (parts[1].Split(',').Intersect(Controllers).Any() && FindLegacy(folder, parts[1], parts[2]) is { } legacy)
            {
                found.Add(new CgroupHierarchy(legacy, CgroupHierarchy.Legacy));
            }
        }

        return found;
    }

    /// <summary>The folder beside the agent's own cgroup, with what controllers can be had there; null for none.</summary>
    private static string? FindUnified(string folder, string own)
    {
        var mount = new[] { folder, Path.Combine(folder, "unified") }.FirstOrDefault(
            at => File.Exists(Path.Combine(at, "cgroup.controllers")));
        if (mount is null)
        {
            return null;
        }

        var parent = Path.GetDirectoryName(own.TrimEnd('/')) is { Length: > 1 } above && Directory.Exists(mount + above)
            ? mount + above
            : mount;
        var there = File.ReadAllText(Path.Combine(parent, "cgroup.controllers"))
            .Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        var passed = Controllers.Intersect(there).Where(controller => PassOn(parent, controller)).ToList();
        return passed.Count > 0 ? parent : null;
    }

    /// <summary>Lets children have a controller; false where this may not be said.</summary>
    private static bool PassOn(string parent, string controller)
    {
        var control = Path.Combine(parent, "cgroup.subtree_control");
        try
        {
            if (!File.ReadAllText(control).Split((char[])[' ', '\n']).Contains(controller))
            {
                File.WriteAllText(control, $"+{controller}");
            }

            return true;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string? FindLegacy(string folder, string controllers, string own)
    {
        var mount = Path.Combine(folder, controllers);
        if (!Directory.Exists(mount))
        {
            return null;
        }

        // In a container the path may be the host's, which is not seen from inside.
        return own.Length > 1 && Directory.Exists(mount + own) ? mount + own : mount;
    }
}
