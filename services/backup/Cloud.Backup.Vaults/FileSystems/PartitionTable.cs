using System.Buffers.Binary;

namespace Cloud.Backup.Vaults.FileSystems;

/// <summary>Where file systems may begin on a disk: at its start, and at each partition of an MBR or a GPT.</summary>
internal static class PartitionTable
{
    private const int SectorBytes = 512;
    private const int GptEntriesMax = 128;

    public static async Task<IReadOnlyList<long>> StartsAsync(Stream disk, CancellationToken ct)
    {
        var starts = new List<long> { 0 };
        var sectors = await Ext4.ReadAsync(disk, 0, SectorBytes * 2, ct);
        if (sectors.Length < SectorBytes * 2)
        {
            return starts;
        }

        if (sectors.AsSpan(SectorBytes, 8).SequenceEqual("EFI PART"u8))
        {
            var entryBytes = (int)Math.Clamp(Ext4.U32(sectors, SectorBytes + 84), 128, 4096);
            var at = BinaryPrimitives.ReadInt64LittleEndian(sectors.AsSpan(SectorBytes + 72));
            for (var entry = 0; entry < GptEntriesMax && at is > 0 and < int.MaxValue; entry++)
            {
                var bytes = await Ext4.ReadAsync(disk, (at * SectorBytes) + (entry * entryBytes), 128, ct);
                if (bytes.Length == 128 && bytes.AsSpan(0, 16).IndexOfAnyExcept((byte)0) >= 0)
                {
                    Add(BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(32)));
                }
            }
        }
        else if (sectors[510] == 0x55 && sectors[511] == 0xAA)
        {
            for (var entry = 0; entry < 4; entry++)
            {
                Add(Ext4.U32(sectors, 446 + (entry * 16) + 8));
            }
        }

        return starts;

        void Add(long sector)
        {
            if (sector > 0 && sector < disk.Length / SectorBytes)
            {
                starts.Add(sector * SectorBytes);
            }
        }
    }
}
