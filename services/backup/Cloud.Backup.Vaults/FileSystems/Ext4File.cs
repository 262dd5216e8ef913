namespace Cloud.Backup.Vaults.FileSystems;

/// <summary>What a name in a file system stands for.</summary>
public enum Ext4FileType
{
    File = 1,
    Folder = 2,
    Link = 3,

    /// <summary>A device, a pipe or a socket.</summary>
    Special = 4,
}

/// <summary>A file or folder of a file system.</summary>
/// <param name="Mode">Its permissions, as <c>chmod</c> takes them.</param>
public sealed record Ext4File(string Name, Ext4FileType Type, long SizeBytes, int Mode, long Owner, long Group, DateTimeOffset ModifiedAt)
{
    private const int BlocksOffset = 40;
    private const int BlocksBytes = 60;
    private const uint ExtentsFlag = 0x80000;
    private const uint InlineFlag = 0x10000000;

    internal Ext4Inode Inode { get; private init; } = null!;

    internal static Ext4File Read(string name, byte[] inode)
    {
        var mode = Ext4.U16(inode, 0);
        var type = (mode & 0xF000) switch
        {
            0x8000 => Ext4FileType.File,
            0x4000 => Ext4FileType.Folder,
            0xA000 => Ext4FileType.Link,
            _ => Ext4FileType.Special,
        };
        var size = Ext4.U32(inode, 4) | ((long)Ext4.U32(inode, 108) << 32);
        size = type is Ext4FileType.Special ? 0 : Math.Max(0, size);
        var flags = Ext4.U32(inode, 32);
        ReadOnlyMemory<byte> blocks = inode.AsMemory(BlocksOffset, BlocksBytes);

        // The target of a short link lies where the numbers of its blocks would.
        var target = type == Ext4FileType.Link && size < BlocksBytes ? blocks[..(int)size] : default(ReadOnlyMemory<byte>?);
        var modifiedAt = DateTimeOffset.FromUnixTimeSeconds((int)Ext4.U32(inode, 16));
        return new Ext4File(name, type, size, mode & 0xFFF, Ext4.U16(inode, 2), Ext4.U16(inode, 24), modifiedAt)
        {
            Inode = new Ext4Inode(blocks, (flags & ExtentsFlag) != 0, (flags & InlineFlag) != 0, target),
        };
    }
}

/// <summary>Where a file's blocks are.</summary>
internal sealed record Ext4Inode(ReadOnlyMemory<byte> Blocks, bool UsesExtents, bool IsInline, ReadOnlyMemory<byte>? InlineTarget);

/// <summary>A node of a file's extent tree.</summary>
internal static class ExtentNode
{
    private const ushort Magic = 0xF30A;
    private const int EntryBytes = 12;
    private const int InitializedBlocksMax = 32768;

    /// <returns>At a leaf, the block on the disk, or 0 for a hole; else the block of the next node, or 0 where there is none.</returns>
    public static (bool Leaf, long Block) Find(ReadOnlySpan<byte> node, long block)
    {
        if (node.Length < EntryBytes || Ext4.U16(node, 0) != Magic)
        {
            throw new VaultException(VaultFault.Damaged, "A file's extents are not whole.");
        }

        var count = Math.Min(Ext4.U16(node, 2), (node.Length / EntryBytes) - 1);
        return Ext4.U16(node, 6) == 0 ? (true, FindInLeaf(node, count, block)) : (false, FindNext(node, count, block));
    }

    private static long FindInLeaf(ReadOnlySpan<byte> node, int count, long block)
    {
        for (var at = 1; at <= count; at++)
        {
            var entry = node.Slice(at * EntryBytes, EntryBytes);
            var first = Ext4.U32(entry, 0);
            var length = Ext4.U16(entry, 4);

            // A longer one is allocated and was never written: zeros.
            var isWritten = length <= InitializedBlocksMax;
            if (block >= first && block < first + (isWritten ? length : length - InitializedBlocksMax))
            {
                return isWritten ? (Ext4.U32(entry, 8) | ((long)Ext4.U16(entry, 6) << 32)) + block - first : 0;
            }
        }

        return 0;
    }

    private static long FindNext(ReadOnlySpan<byte> node, int count, long block)
    {
        var next = 0L;
        for (var at = 1; at <= count && Ext4.U32(node, at * EntryBytes) <= block; at++)
        {
            next = Ext4.U32(node, (at * EntryBytes) + 4) | ((long)Ext4.U16(node, (at * EntryBytes) + 8) << 32);
        }

        return next;
    }
}
