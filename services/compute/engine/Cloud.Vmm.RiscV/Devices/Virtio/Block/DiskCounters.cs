namespace Cloud.Vmm.RiscV.Devices.Virtio.Block;

/// <summary>What a disk did, in bytes and operations; written by its worker, read by anybody.</summary>
internal sealed class DiskCounters
{
    private long _readBytes;
    private long _reads;
    private long _writtenBytes;
    private long _writes;
    private long _flushes;
    private long _failures;

    internal long ReadBytes => Interlocked.Read(ref _readBytes);

    internal long ReadOperations => Interlocked.Read(ref _reads);

    internal long WrittenBytes => Interlocked.Read(ref _writtenBytes);

    internal long WriteOperations => Interlocked.Read(ref _writes);

    internal long FlushOperations => Interlocked.Read(ref _flushes);

    internal long FailedOperations => Interlocked.Read(ref _failures);

    internal void Read(long bytes)
    {
        Interlocked.Add(ref _readBytes, bytes);
        Interlocked.Increment(ref _reads);
    }

    internal void Wrote(long bytes)
    {
        Interlocked.Add(ref _writtenBytes, bytes);
        Interlocked.Increment(ref _writes);
    }

    internal void Flushed() => Interlocked.Increment(ref _flushes);

    internal void Failed() => Interlocked.Increment(ref _failures);
}
