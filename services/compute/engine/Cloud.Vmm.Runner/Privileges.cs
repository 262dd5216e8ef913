using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner;

/// <summary>Gives up root for good: the user id is the guest's own, groups and capabilities are none.</summary>
internal static partial class Privileges
{
    private const int SetDumpable = 4;

    /// <summary>What is loaded by name alone, when something has gone wrong.</summary>
    private static readonly string[] AlsoNeeded =
        ["System.Diagnostics.StackTrace", "System.Reflection.Metadata", "System.Collections.Immutable"];

    /// <exception cref="OptionException">This process may not become that user.</exception>
    internal static void DropTo(uint user)
    {
        LoadAll();
        if (SetGroups(0, 0) != 0 || SetGroup(user, user, user) != 0 || SetUser(user, user, user) != 0)
        {
            throw new OptionException($"'-runas {user}': {Marshal.GetLastPInvokeErrorMessage()}");
        }

        // What changed its user is no longer dumpable, and /proc/self is then root's; files are opened by its names.
        _ = ProcessControl(SetDumpable, 1, 0, 0, 0);
    }

    /// <summary>Loads every assembly that the program refers to: where it is installed may be closed to the user it becomes.</summary>
    private static void LoadAll()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<Assembly>([typeof(Privileges).Assembly, .. AlsoNeeded.Select(Assembly.Load)]);
        while (open.TryPop(out Assembly? assembly))
        {
            if (!seen.Add(assembly.FullName!))
            {
                continue;
            }

            RuntimeHelpers.RunModuleConstructor(assembly.ManifestModule.ModuleHandle);
            foreach (AssemblyName name in assembly.GetReferencedAssemblies())
            {
                open.Push(Assembly.Load(name));
            }
        }
    }

    // glibc's wrappers change all threads of the process (nptl(7)).
    [LibraryImport("libc", EntryPoint = "setgroups", SetLastError = true)]
    private static partial int SetGroups(nuint count, nint groups);

    [LibraryImport("libc", EntryPoint = "setresgid", SetLastError = true)]
    private static partial int SetGroup(uint real, uint effective, uint saved);

    [LibraryImport("libc", EntryPoint = "setresuid", SetLastError = true)]
    private static partial int SetUser(uint real, uint effective, uint saved);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int ProcessControl(int option, nuint value, nuint third, nuint fourth, nuint fifth);
}
