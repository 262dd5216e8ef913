namespace Cloud.Vmm.RiscV.Disks;

/// <summary>The bytes behind a disk. One thread at a time uses it.</summary>
internal interface IDisk : IDisposable
{
    long SizeBytes { get; }

    bool ReadOnly { get; }

    /// <summary>Reads whole; the range lies in the disk.</summary>
    /// <exception cref="IOException">The host's file cannot be read, or is damaged.</exception>
    void Read(long offset, Span<byte> destination);

    /// <summary>Writes whole; the range lies in the disk.</summary>
    /// <exception cref="IOException">The host's file cannot be written.</exception>
    void Write(long offset, ReadOnlySpan<byte> source);

    /// <summary>Makes the range read as zeros, without taking room where the format can.</summary>
    void WriteZeroes(long offset, long size);

    /// <summary>Makes the disk larger; what is new reads as zeros. Durable when it returns.</summary>
    /// <exception cref="IOException">The host's file cannot grow.</exception>
    void Grow(long sizeBytes);

    /// <summary>When it returns, all that was written before survives a loss of power.</summary>
    void Flush();
}
