namespace Cloud.Backup.Vaults;

/// <summary>A pack as the vault knows it.</summary>
/// <param name="Records">All, each at the place of its number, also those that nobody needs any more: chunks after them may.</param>
internal sealed record PackContent(PackId Id, long SizeBytes, IReadOnlyList<PackRecord> Records)
{
    /// <summary>The records that are opened one after the other to have one: itself, or all of its frame.</summary>
    public List<PackRecord> FrameOf(int ordinal)
    {
        if (Records[ordinal].Method is ChunkMethod.Plain or ChunkMethod.Zstd)
        {
            return [Records[ordinal]];
        }

        while (ordinal > 0 && Records[ordinal].Method != ChunkMethod.FrameBegin)
        {
            ordinal--;
        }

        var frame = new List<PackRecord>(Pack.FrameChunksMax) { Records[ordinal] };
        for (ordinal++; ordinal < Records.Count && Records[ordinal].Method != ChunkMethod.FrameBegin; ordinal++)
        {
            if (Records[ordinal].Method == ChunkMethod.FrameNext)
            {
                frame.Add(Records[ordinal]);
            }
        }

        return frame;
    }
}
