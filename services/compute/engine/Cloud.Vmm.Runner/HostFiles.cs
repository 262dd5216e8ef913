using System.Net.Sockets;
using Cloud.Vmm.Runner.Options;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner;

/// <summary>Opens what the command line names: by path, or as a descriptor that this process was given (/dev/fdset/N).</summary>
internal sealed class HostFiles(IReadOnlyDictionary<int, int> sets)
{
    private const string Set = "/dev/fdset/";
    private const string Own = "/proc/self/fd/";

    /// <exception cref="OptionException">The file cannot be opened.</exception>
    internal SafeFileHandle Open(string path, FileAccess access)
    {
        if (Descriptor(path) is { } descriptor)
        {
            return new SafeFileHandle(descriptor, ownsHandle: true);
        }

        return Try(path, () => File.OpenHandle(path, FileMode.Open, access, FileShare.ReadWrite));
    }

    /// <exception cref="OptionException">The file cannot be opened.</exception>
    internal SafeFileHandle OpenToAppend(string path)
    {
        if (Descriptor(path) is { } descriptor)
        {
            return new SafeFileHandle(descriptor, ownsHandle: true);
        }

        return Try(path, () =>
        {
            SafeFileHandle file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
            return file;
        });
    }

    /// <exception cref="OptionException">The file cannot be read.</exception>
    internal static byte[] ReadAll(string path) => Try(path, () =>
    {
        // Through the name, so that a descriptor that was given is read from its start.
        using FileStream file = File.OpenRead(path);
        using var bytes = new MemoryStream();
        file.CopyTo(bytes);
        return bytes.ToArray();
    });

    /// <summary>A listening Unix socket: one given open, or made at a path with access for its owner alone.</summary>
    /// <exception cref="OptionException">The socket cannot be made.</exception>
    internal static Socket Listen(Properties channel)
    {
        int descriptor = channel.Number("fd", -1);
        if (descriptor >= 0)
        {
            return new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
        }

        string path = channel.Required("path");
        return Try(path, () =>
        {
            File.Delete(path);
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Bind(new UnixDomainSocketEndPoint(path));
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            socket.Listen(1);
            return socket;
        });
    }

    private nint? Descriptor(string path)
    {
        if (path.StartsWith(Set, StringComparison.Ordinal) && int.TryParse(path[Set.Length..], out int set))
        {
            return sets.TryGetValue(set, out int descriptor) ? descriptor : throw new OptionException($"There is no descriptor set {set}.");
        }

        return path.StartsWith(Own, StringComparison.Ordinal) && int.TryParse(path[Own.Length..], out int own) ? own : null;
    }

    private static T Try<T>(string path, Func<T> open)
    {
        try
        {
            return open();
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException or SocketException or ArgumentException)
        {
            throw new OptionException($"'{path}' cannot be opened: {refused.Message}");
        }
    }
}
