using System.Globalization;
using Cloud.Switch.Client;
using Cloud.Switch.Control;
using Cloud.Switch.Metadata;
using Cloud.Switch.Nat;
using Cloud.Switch.Native;
using Cloud.Switch.Ports;
using Cloud.Switch.Relays;
using Cloud.Switch.State;
using Cloud.Switch.Trunks;

namespace Cloud.Switch;

/// <summary>
/// <c>cloud-switch FOLDER [USER-ID]</c>: the host's network for its guests, until it is told to quit. Prints <c>ready</c> on its standard
/// output when its control socket answers; from then on it writes to its log alone. As root it becomes the user first.
/// </summary>
internal static class SwitchProgram
{
    private const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const uint OwnFile = 0x180;

    /// <summary>The driver makes a guest's socket root's before the guest runs.</summary>
    private const uint Root = 0;

    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(5);

    private enum ExitCode
    {
        Stopped = 0,
        Failed = 1,
        Usage = 2,
        AlreadyRuns = 3,
    }

    public static int Run(string[] args)
    {
        if (args.Length is < 1 or > 2
            || (args.Length == 2 && !uint.TryParse(args[1], NumberStyles.None, CultureInfo.InvariantCulture, out _)))
        {
            Console.Error.WriteLine("Usage: cloud-switch FOLDER [USER-ID]");
            return (int)ExitCode.Usage;
        }

        try
        {
            return (int)Run(args[0], args.Length == 2 ? uint.Parse(args[1], CultureInfo.InvariantCulture) : null);
        }
        catch (DllNotFoundException missing)
        {
            Console.Error.WriteLine($"libslirp is missing (Debian: libslirp0): {missing.Message}");
            return (int)ExitCode.Failed;
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            SwitchLog.Died(failed);
            return (int)ExitCode.Failed;
        }
    }

    private static ExitCode Run(string path, uint? user)
    {
        // A session of its own: what ends its starter's does not end it. Refused where it leads one already.
        _ = Libc.NewSession();
        // Modes are said in full where files are made.
        _ = Libc.FileModeMask(0);
        // Paths from here are relative to the folder, and short: a socket's may have 107 bytes.
        var home = Path.GetFullPath(path);
        Directory.SetCurrentDirectory(home);
        var folder = new SwitchFolder(".");
        if (!TryLock(folder))
        {
            Console.Error.WriteLine("A switch runs in this folder already.");
            return ExitCode.AlreadyRuns;
        }

        var slirp = Uplink.LibraryVersion;
        Directory.CreateDirectory(folder.Ports, Own);
        Directory.CreateDirectory(folder.State, Own);
        Directory.CreateDirectory(folder.Metadata, Own);
        Directory.CreateDirectory(folder.Services, Own);
        Directory.CreateDirectory(folder.Trunk, Own);
        if (user is { } id)
        {
            foreach (var own in (string[])[
                folder.Path, folder.Ports, folder.State, folder.Metadata, folder.Services, folder.Trunk, folder.Lock])
            {
                Libc.Require(Libc.ChangeOwner(own, id, id), "chown " + own);
            }

            Privileges.DropTo(id);
        }

        var time = TimeProvider.System;
        var poll = new PollSet();
        var store = new PortStore(folder.State);
        using var metadata = new MetadataServer(folder, time);
        var serviceStore = new ServiceStore(folder.ServicesFile);
        using var services = new ServiceTable(folder);
        using var trunk = new Trunk(folder, home, user);
        using var ports = new PortTable(home, folder, metadata, services, poll, trunk, user is null ? null : Root, time);
        using var loop = new SwitchLoop(poll, ports, trunk, store.Delete, time);
        Restore(ports, serviceStore);
        Restore(ports, store);
        using var control = new ControlServer(folder.ControlSocket, loop, trunk, store, serviceStore);
        control.Listen();
        WriteProcessId(folder.ProcessId);
        OpenLog(folder);
        SwitchLog.Started(slirp, ports.Ports.Count);
        loop.Run();
        SwitchLog.Stopped();
        File.Delete(folder.ProcessId);
        return ExitCode.Stopped;
    }

    /// <summary>The lock is held until the process ends, however it does. One that is just ending is waited for.</summary>
    private static bool TryLock(SwitchFolder folder)
    {
        var descriptor = Libc.Require(
            Libc.Open(folder.Lock, Libc.OpenReadWrite | Libc.OpenCreate | Libc.OpenCloexec, OwnFile), "open " + folder.Lock);
        return Task.Run(() => Libc.Lock(descriptor, Libc.LockExclusive)).Wait(LockLimit);
    }

    private static void WriteProcessId(string path)
    {
        using var file = new StreamWriter(path, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
        });
        file.WriteLine(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
    }

    private static void Restore(PortTable ports, ServiceStore store)
    {
        try
        {
            ports.Serve(store.Read((file, damaged) => SwitchLog.NotRestored(file, damaged.Message)));
        }
        catch (Exception failed) when (failed is SwitchException or IOException)
        {
            // The agent tells them again.
            SwitchLog.NotRestored("services", failed.Message);
        }
    }

    private static void Restore(PortTable ports, PortStore store)
    {
        foreach (var port in store.ReadAll((file, damaged) => SwitchLog.NotRestored(file, damaged.Message)))
        {
            try
            {
                ports.Restore(port);
            }
            catch (SwitchException refused)
            {
                // The agent tells it again, and hears why.
                SwitchLog.NotRestored(port.Id, refused.Message);
            }
            catch (IOException failed)
            {
                SwitchLog.NotRestored(port.Id, failed.Message);
            }
        }
    }

    /// <summary>Says that it is ready, then parts from whoever started it.</summary>
    private static void OpenLog(SwitchFolder folder)
    {
        var log = Libc.Require(
            Libc.Open(folder.Log, Libc.OpenWrite | Libc.OpenCreate | Libc.OpenAppend | Libc.OpenCloexec, OwnFile), "open " + folder.Log);
        var nothing = Libc.Require(Libc.Open("/dev/null", Libc.OpenReadWrite | Libc.OpenCloexec, 0), "open /dev/null");
        Console.Out.WriteLine("ready");
        Console.Out.Flush();
        Libc.Require(Libc.Duplicate(nothing, 0), "dup2");
        Libc.Require(Libc.Duplicate(log, 1), "dup2");
        Libc.Require(Libc.Duplicate(log, 2), "dup2");
    }
}
