using System.Runtime.InteropServices;
using Cloud.Vmm.Runner.Options;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner;

/// <summary>
/// Open files that the process was given: in numbered sets, from its start (-add-fd) or later (add-fd), and by a name for one command
/// (getfd). Safe from any thread.
/// </summary>
internal sealed partial class HostDescriptors
{
    // What a client may leave open here at once.
    private const int SetsMax = 1024;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<int, (SafeFileHandle File, string Opaque)> _sets = [];
    private readonly Dictionary<string, SafeFileHandle> _named = new(StringComparer.Ordinal);

    /// <summary>The sets with what was said of them.</summary>
    internal IReadOnlyList<(int Set, string Opaque)> Sets
    {
        get
        {
            lock (_lock)
            {
                return [.. _sets.Select(set => (set.Key, set.Value.Opaque))];
            }
        }
    }

    /// <exception cref="OptionException">There is such a set, or there are too many.</exception>
    internal void Add(int set, SafeFileHandle file, string opaque)
    {
        lock (_lock)
        {
            if (_sets.Count >= SetsMax || !_sets.TryAdd(set, (file, opaque)))
            {
                throw new OptionException($"There are two descriptor sets {set}, or more than {SetsMax} in all.");
            }
        }
    }

    /// <summary>Adds a set of the first number that is free, and returns that.</summary>
    internal int Add(SafeFileHandle file, string opaque)
    {
        lock (_lock)
        {
            int set = _sets.Count == 0 ? 1 : _sets.Keys.Max() + 1;
            Add(set, file, opaque);
            return set;
        }
    }

    /// <summary>Closes a set; who opened it before keeps it.</summary>
    /// <exception cref="OptionException">There is no such set.</exception>
    internal void Remove(int set)
    {
        lock (_lock)
        {
            if (!_sets.Remove(set, out (SafeFileHandle File, string) found))
            {
                throw new OptionException($"There is no descriptor set {set}.");
            }

            found.File.Dispose();
        }
    }

    /// <summary>Another number for a set's open file.</summary>
    /// <exception cref="OptionException">There is no such set.</exception>
    internal SafeFileHandle Open(int set)
    {
        lock (_lock)
        {
            return _sets.TryGetValue(set, out (SafeFileHandle File, string) found)
                ? Duplicate(found.File)
                : throw new OptionException($"There is no descriptor set {set}.");
        }
    }

    internal void Name(string name, SafeFileHandle file)
    {
        lock (_lock)
        {
            if (_named.Remove(name, out SafeFileHandle? old))
            {
                old.Dispose();
            }

            _named[name] = file;
        }
    }

    /// <summary>The file that was given by a name, which is forgotten.</summary>
    internal SafeFileHandle? TakeNamed(string name)
    {
        lock (_lock)
        {
            return _named.Remove(name, out SafeFileHandle? file) ? file : null;
        }
    }

    /// <summary>Another number for an open file of this process.</summary>
    /// <exception cref="OptionException">There is no such descriptor.</exception>
    internal static SafeFileHandle Duplicate(SafeFileHandle file)
    {
        int copy = DuplicateDescriptor(file);
        return copy >= 0 ? new SafeFileHandle(copy, ownsHandle: true) : throw new OptionException(Marshal.GetLastPInvokeErrorMessage());
    }

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int DuplicateDescriptor(SafeFileHandle descriptor);
}
