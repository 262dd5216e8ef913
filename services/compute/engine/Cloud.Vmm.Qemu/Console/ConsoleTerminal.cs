using System.Threading.Channels;

namespace Cloud.Vmm.Qemu.Console;

/// <summary>One terminal on a console: reads what the guest prints from its opening on, writes what is typed. Asynchronous only.</summary>
internal sealed class ConsoleTerminal(Stream port, Func<ConsoleTerminal, ValueTask> close) : Stream
{
    // Of at most 4 KiB each: a mebibyte for a terminal that is slow.
    private const int ChunksMax = 256;

    private readonly Channel<byte[]> _shown = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(ChunksMax)
    {
        FullMode = BoundedChannelFullMode.DropOldest,
        SingleReader = true,
    });

    private ReadOnlyMemory<byte> _rest;
    private int _closed;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Takes bytes that the guest printed; never waits.</summary>
    public void Show(byte[] bytes) => _shown.Writer.TryWrite(bytes);

    /// <summary>The guest prints no more.</summary>
    public void End() => _shown.Writer.TryComplete();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_rest.IsEmpty)
        {
            if (!await _shown.Reader.WaitToReadAsync(cancellationToken))
            {
                return 0;
            }

            if (_shown.Reader.TryRead(out var bytes))
            {
                _rest = bytes;
            }
        }

        var count = Math.Min(_rest.Length, buffer.Length);
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Waits while the guest does not read what was typed before.</summary>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await port.WriteAsync(buffer, cancellationToken);
        }
        catch (ObjectDisposedException ended)
        {
            throw new IOException("The machine has ended.", ended);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("A terminal is asynchronous.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A terminal is asynchronous.");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            End();
            await close(this);
        }

        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _closed, 1) == 0)
        {
            End();
            close(this).AsTask().GetAwaiter().GetResult();
        }

        base.Dispose(disposing);
    }
}
