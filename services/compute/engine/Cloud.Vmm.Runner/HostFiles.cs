using System.Net.Sockets;
using Cloud.Vmm.Runner.Options;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner;

/// <summary>Opens what the command line names: by path, or as a descriptor that this process was given (/dev/fdset/N).</summary>
internal sealed class HostFiles(HostDescriptors descriptors)
{
    private const string Set = "/dev/fdset/";
    private const string Own = "/proc/self/fd/";

    /// <exception cref="OptionException">The file cannot be opened.</exception>
    internal SafeFileHandle Open(string path, FileAccess access)
    {
        if (Given(path) is { } file)
        {
            return file;
        }

        return Try(path, () => File.OpenHandle(path, FileMode.Open, access, FileShare.ReadWrite));
    }

    /// <exception cref="OptionException">The file cannot be opened.</exception>
    internal SafeFileHandle OpenToAppend(string path)
    {
        if (Given(path) is { } given)
        {
            return given;
        }

        return Try(path, () =>
        {
            SafeFileHandle file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
            return file;
        });
    }

    /// <summary>A file to be read from its start; one that cannot seek is read at once.</summary>
    /// <exception cref="OptionException">The file cannot be opened.</exception>
    internal static Stream OpenToRead(string path) => Try<Stream>(path, () =>
    {
        // Through the name, so that a descriptor that was given is read from its start.
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        if (file.CanSeek)
        {
            return file;
        }

        using (file)
        {
            var bytes = new MemoryStream();
            file.CopyTo(bytes);
            bytes.Position = 0;
            return bytes;
        }
    });

    /// <summary>A new file for text, in the place of one that is there.</summary>
    /// <exception cref="OptionException">It cannot be made.</exception>
    internal static StreamWriter CreateText(string path) => Try(path, () => new StreamWriter(path, append: false));

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

    /// <summary>A connection to who listens at a path.</summary>
    /// <exception cref="OptionException">Nobody does.</exception>
    internal static Socket Connect(string path) => Try(path, () =>
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    });

    /// <summary>The file of a name that stands for a descriptor; null for any other name.</summary>
    private SafeFileHandle? Given(string path)
    {
        if (path.StartsWith(Set, StringComparison.Ordinal) && int.TryParse(path[Set.Length..], out int set))
        {
            return descriptors.Open(set);
        }

        if (!path.StartsWith(Own, StringComparison.Ordinal) || !int.TryParse(path[Own.Length..], out int own))
        {
            return null;
        }

        using var borrowed = new SafeFileHandle(own, ownsHandle: false);
        return HostDescriptors.Duplicate(borrowed);
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
