using System.Reflection;
using System.Runtime.CompilerServices;
using Cloud.Switch.Native;

namespace Cloud.Switch;

/// <summary>Gives up root for good: the user id is the switch's own, groups and capabilities are none.</summary>
internal static unsafe class Privileges
{
    private const int SetDumpable = 4;
    private const int SetNoNewPrivileges = 38;

    /// <summary>What is loaded by name alone, when something has gone wrong.</summary>
    private static readonly string[] AlsoNeeded =
        ["System.Diagnostics.StackTrace", "System.Reflection.Metadata", "System.Collections.Immutable"];

    public static void DropTo(uint user)
    {
        LoadAll();
        Libc.Require(Libc.ProcessControl(SetNoNewPrivileges, 1, 0, 0, 0), "prctl");
        Libc.Require(Libc.SetGroups(0, null), "setgroups");
        Libc.Require(Libc.SetGroup(user, user, user), "setresgid");
        // With the last user id that was 0 all capabilities go, in every thread.
        Libc.Require(Libc.SetUser(user, user, user), "setresuid");
        // What changed its user is no longer dumpable, and /proc/self is then root's; guests' sockets are connected to by way of it.
        Libc.Require(Libc.ProcessControl(SetDumpable, 1, 0, 0, 0), "prctl");
    }

    /// <summary>Loads every assembly that the program refers to: where it is installed may be closed to the user it becomes.</summary>
    private static void LoadAll()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<Assembly>([typeof(Privileges).Assembly, .. AlsoNeeded.Select(Assembly.Load)]);
        while (open.TryPop(out var assembly))
        {
            if (!seen.Add(assembly.FullName!))
            {
                continue;
            }

            RuntimeHelpers.RunModuleConstructor(assembly.ManifestModule.ModuleHandle);
            foreach (var name in assembly.GetReferencedAssemblies())
            {
                open.Push(Assembly.Load(name));
            }
        }
    }
}
