using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu;

/// <summary>How a machine's process is started: its user, its rights, its limits.</summary>
internal static class MachineProcess
{
    /// <summary>util-linux's, as every Debian has it: sets the user and drops all rights, then becomes the program.</summary>
    private const string SetPriv = "/usr/bin/setpriv";

    private const int ResourceCore = 4;

    /// <summary>Nothing of the agent's environment, which may hold secrets.</summary>
    private static readonly string[] Environment =
    [
        "PATH=/usr/bin:/bin", "LANG=C.UTF-8",

        // The simulator's: the runtime may lie where it is not found by itself, and its debugger's socket would be a way in.
        $"DOTNET_ROOT={Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."))}",
        "DOTNET_EnableDiagnostics=0",
    ];

    /// <exception cref="VmException">The program could not be started.</exception>
    public static ProcessHandle Start(
        string program, IReadOnlyList<string> arguments, string folder, IReadOnlyList<SafeFileHandle> open, int? uid,
        IReadOnlyList<uint> groups)
    {
        List<string> command = [SetPriv, "--no-new-privs"];
        if (uid is { } user)
        {
            var id = user.ToString(CultureInfo.InvariantCulture);
            command.AddRange([$"--reuid={id}", $"--regid={id}", "--bounding-set=-all", "--inh-caps=-all"]);
            command.Add(groups.Count == 0 ? "--clear-groups" : $"--groups={string.Join(',', groups)}");
        }

        command.AddRange(["--", program, .. arguments]);
        try
        {
            var id = ChildProcess.Start(command, Environment, folder, open);
            ForbidCoreDumps(id);

            // A child that is not waited for keeps its number, so this is the process and no other.
            return ProcessHandle.TryOpen(id) ?? throw new VmException("The machine's process is gone.");
        }
        catch (Win32Exception refused)
        {
            throw new VmException($"The machine's process could not be started: {refused.Message}.", refused);
        }
    }

    /// <summary>A core would hold the guest's memory.</summary>
    private static unsafe void ForbidCoreDumps(int processId)
    {
        var none = stackalloc ulong[2];
        none[0] = none[1] = 0;
        _ = LibC.ProcessLimit(processId, ResourceCore, none, null);
    }
}
