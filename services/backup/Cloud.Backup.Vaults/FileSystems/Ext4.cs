using System.Buffers.Binary;
using System.Text;

namespace Cloud.Backup.Vaults.FileSystems;

/// <summary>
/// Reads files out of an ext2, ext3 or ext4 file system, by only the blocks that it needs. The format is Linux's
/// (<c>Documentation/filesystems/ext4</c>). A guest wrote it, so nothing in it is believed: every number is bounded before it is used. The
/// journal is not replayed: what a guest had not written back when a snapshot was taken without freezing is not seen.
/// </summary>
public sealed class Ext4
{
    private const int SuperblockOffset = 1024;
    private const ushort Magic = 0xEF53;
    private const uint IncompatibleMetaGroups = 0x10;
    private const uint Incompatible64Bit = 0x80;
    private const uint IncompatibleEncrypted = 0x10000;
    private const int RootInode = 2;
    private const int NameDepthMax = 256;
    private const int EntriesMax = 100_000;
    private const long DirectoryBytesMax = 256L * 1024 * 1024;

    private readonly Stream _disk;
    private readonly long _start;
    private readonly int _blockBytes;
    private readonly uint _inodesPerGroup;
    private readonly uint _inodes;
    private readonly int _inodeBytes;
    private readonly int _groupBytes;
    private readonly long _groupsOffset;

    private Ext4(Stream disk, long start, ReadOnlySpan<byte> superblock)
    {
        _disk = disk;
        _start = start;
        _inodes = U32(superblock, 0);
        _blockBytes = 1024 << (int)Math.Min(U32(superblock, 24), 6);
        _inodesPerGroup = U32(superblock, 40);
        _inodeBytes = U32(superblock, 76) == 0 ? 128 : U16(superblock, 88);
        _groupBytes = (U32(superblock, 96) & Incompatible64Bit) != 0 ? U16(superblock, 254) : 32;
        _groupsOffset = ((long)U32(superblock, 20) + 1) * _blockBytes;
    }

    /// <summary>The file system on a disk, or in its first partition that has one.</summary>
    /// <returns>Null where there is none that is known.</returns>
    public static async Task<Ext4?> OpenAsync(Stream disk, CancellationToken ct)
    {
        foreach (var start in await PartitionTable.StartsAsync(disk, ct))
        {
            var superblock = await ReadAsync(disk, start + SuperblockOffset, 1024, ct);
            if (superblock.Length == 1024 && IsKnown(superblock))
            {
                return new Ext4(disk, start, superblock);
            }
        }

        return null;
    }

    /// <summary>A file or folder by its path from the root; symbolic links are not followed. Null where there is none.</summary>
    public async Task<Ext4File?> FindAsync(string path, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(path);
        var names = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var file = names.Length <= NameDepthMax ? await ReadInodeAsync("/", RootInode, ct) : null;
        foreach (var name in names)
        {
            if (file is not { Type: Ext4FileType.Folder } folder)
            {
                return null;
            }

            file = null;
            await foreach (var (entry, inode) in EntriesAsync(folder, ct))
            {
                if (entry == name)
                {
                    file = await ReadInodeAsync(entry, inode, ct);
                    break;
                }
            }
        }

        return file;
    }

    /// <summary>What a folder holds, in the order of names.</summary>
    public async Task<IReadOnlyList<Ext4File>> ListAsync(Ext4File folder, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var files = new List<Ext4File>();
        await foreach (var (name, inode) in EntriesAsync(folder, ct))
        {
            if (name is not ("." or "..") && await ReadInodeAsync(name, inode, ct) is { } file)
            {
                files.Add(file);
                if (files.Count >= EntriesMax)
                {
                    break;
                }
            }
        }

        return [.. files.OrderBy(file => file.Name, StringComparer.Ordinal)];
    }

    /// <summary>Writes a file's bytes to a stream; holes are zeros.</summary>
    /// <exception cref="VaultException">The file system is not whole.</exception>
    public async Task CopyAsync(Ext4File file, Stream to, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(to);
        if (file.Inode.InlineTarget is { } target)
        {
            await to.WriteAsync(target, ct);
            return;
        }

        for (var at = 0L; at < file.SizeBytes;)
        {
            var count = (int)Math.Min(_blockBytes, file.SizeBytes - at);
            await to.WriteAsync((await ReadBlockOfAsync(file, at / _blockBytes, ct)).AsMemory(0, count), ct);
            at += count;
        }
    }

    private static bool IsKnown(ReadOnlySpan<byte> superblock)
    {
        var incompatible = U32(superblock, 96);
        var inodeBytes = U32(superblock, 76) == 0 ? 128 : U16(superblock, 88);
        return U16(superblock, 56) == Magic && U32(superblock, 24) <= 6 && U32(superblock, 40) > 0 && inodeBytes is >= 128 and <= 4096
            && (incompatible & (IncompatibleMetaGroups | IncompatibleEncrypted)) == 0
            && ((incompatible & Incompatible64Bit) == 0 || U16(superblock, 254) is >= 64 and <= 1024);
    }

    private async IAsyncEnumerable<(string Name, uint Inode)> EntriesAsync(
        Ext4File folder, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        // The inner nodes of an indexed folder look like empty entries, so reading it from end to end finds everything.
        for (var at = 0L; at < Math.Min(folder.SizeBytes, DirectoryBytesMax); at += _blockBytes)
        {
            var block = await ReadBlockOfAsync(folder, at / _blockBytes, ct);
            for (var offset = 0; offset + 8 <= block.Length;)
            {
                var length = U16(block, offset + 4);
                var nameLength = block[offset + 6];
                if (length < 8 || offset + length > block.Length || 8 + nameLength > length)
                {
                    break;
                }

                if (U32(block, offset) is var inode and not 0 && nameLength > 0)
                {
                    yield return (Encoding.UTF8.GetString(block, offset + 8, nameLength), inode);
                }

                offset += length;
            }
        }
    }

    /// <returns>Null for what is no inode.</returns>
    private async Task<Ext4File?> ReadInodeAsync(string name, uint number, CancellationToken ct)
    {
        if (number == 0 || number > _inodes)
        {
            return null;
        }

        var group = (number - 1) / _inodesPerGroup;
        var descriptor = await ReadAsync(_disk, _start + _groupsOffset + ((long)group * _groupBytes), _groupBytes, ct);
        if (descriptor.Length < _groupBytes)
        {
            return null;
        }

        var table = U32(descriptor, 8) | (_groupBytes >= 64 ? (long)U32(descriptor, 0x28) << 32 : 0);
        var inode = await ReadAsync(
            _disk, Offset(table) + ((number - 1) % _inodesPerGroup * (long)_inodeBytes), _inodeBytes, ct);
        return inode.Length < _inodeBytes ? null : Ext4File.Read(name, inode);
    }

    /// <summary>A block of a file; zeros for a hole.</summary>
    private async Task<byte[]> ReadBlockOfAsync(Ext4File file, long block, CancellationToken ct)
    {
        if (file.Inode.IsInline)
        {
            throw new VaultException(VaultFault.Damaged, $"'{file.Name}' lies inside its inode, which is not read here.");
        }

        var physical = file.Inode.UsesExtents
            ? await FindExtentAsync(file.Inode.Blocks, block, ct)
            : await FindIndirectAsync(file.Inode.Blocks, block, ct);
        return physical == 0 ? new byte[_blockBytes] : await RequireAsync(physical, ct);
    }

    private async Task<long> FindExtentAsync(ReadOnlyMemory<byte> node, long block, CancellationToken ct)
    {
        // A tree has at most five levels.
        for (var level = 0; level <= 5; level++)
        {
            var (leaf, physical) = ExtentNode.Find(node.Span, block);
            if (leaf || physical == 0)
            {
                return physical;
            }

            node = await RequireAsync(physical, ct);
        }

        throw new VaultException(VaultFault.Damaged, "A file's extents lie too deep.");
    }

    private async Task<long> FindIndirectAsync(ReadOnlyMemory<byte> direct, long block, CancellationToken ct)
    {
        const int Direct = 12;
        if (block < Direct)
        {
            return U32(direct.Span, (int)block * 4);
        }

        var perBlock = _blockBytes / 4L;
        var rest = block - Direct;
        var span = perBlock;
        for (var level = 1; level <= 3; level++, span *= perBlock)
        {
            if (rest >= span)
            {
                rest -= span;
                continue;
            }

            long at = U32(direct.Span, (Direct + level - 1) * 4);
            for (var step = span / perBlock; at != 0 && step >= 1; step /= perBlock)
            {
                at = U32(await RequireAsync(at, ct), (int)(rest / step * 4));
                rest %= step;
            }

            return at;
        }

        return 0;
    }

    private async Task<byte[]> RequireAsync(long block, CancellationToken ct)
    {
        var bytes = await ReadAsync(_disk, Offset(block), _blockBytes, ct);
        return bytes.Length == _blockBytes ? bytes : throw new VaultException(VaultFault.Damaged, "A file points beyond the disk's end.");
    }

    private long Offset(long block) => block > (_disk.Length - _start) / _blockBytes ? _disk.Length : _start + (block * _blockBytes);

    /// <returns>Fewer bytes at the disk's end.</returns>
    internal static async Task<byte[]> ReadAsync(Stream disk, long offset, int length, CancellationToken ct)
    {
        if (offset < 0 || offset >= disk.Length)
        {
            return [];
        }

        var bytes = new byte[(int)Math.Min(length, disk.Length - offset)];
        disk.Position = offset;
        await disk.ReadExactlyAsync(bytes, ct);
        return bytes;
    }

    internal static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    internal static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
