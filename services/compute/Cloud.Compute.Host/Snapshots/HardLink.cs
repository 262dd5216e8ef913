using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Cloud.Compute.Host.Snapshots;

/// <summary>A second name of a file (link(2)).</summary>
internal static partial class HardLink
{
    /// <exception cref="IOException">It cannot be made; the message names neither.</exception>
    public static void Create(string of, string path)
    {
        if (Link(of, path) != 0)
        {
            throw new IOException($"A file cannot be given a second name: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
        }
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string of, string path);
}
