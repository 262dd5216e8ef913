using Cloud.Vmm.RiscV.Disks;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner.Disks;

/// <summary>A node of the block layer, by QEMU's names: a file, a format over a file, or limits over a format.</summary>
internal sealed class BlockNode
{
    internal required string Name { get; init; }

    /// <summary>Of a file: what is open.</summary>
    internal SafeFileHandle? File { get; init; }

    /// <summary>Of a format or limits: the disk.</summary>
    internal IDisk? Disk { get; init; }

    /// <summary>The file's node of a format.</summary>
    internal BlockNode? Over { get; init; }

    /// <summary>The node that a format is backed by, or that limits are of.</summary>
    internal BlockNode? Below { get; set; }

    internal required bool ReadOnly { get; init; }
}
