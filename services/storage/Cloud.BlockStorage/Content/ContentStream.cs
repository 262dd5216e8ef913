using Cloud.Compute.Contracts;

namespace Cloud.BlockStorage.Content;

/// <summary>What a snapshot or a volume holds, as a stream that is sought in: the host is asked where it is read next.</summary>
internal sealed class ContentStream(IVolumeHosts hosts, string host, string source, long length) : Stream
{
    private Stream? _open;
    private long _openAt;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position { get; set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= length || buffer.IsEmpty)
        {
            return 0;
        }

        if (_open is null || _openAt != Position)
        {
            await CloseAsync();
            _open = await hosts.ReadContentAsync(host, source, Position, length - Position, cancellationToken);
        }

        var count = await _open.ReadAsync(buffer, cancellationToken);
        if (count == 0)
        {
            throw new IOException($"The host ended at byte {Position} of {length}.");
        }

        _openAt = Position += count;
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("It is read asynchronously.");

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await CloseAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _open?.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask CloseAsync()
    {
        if (_open is { } open)
        {
            _open = null;
            await open.DisposeAsync();
        }
    }
}
