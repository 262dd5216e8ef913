using System.IO.Compression;
using System.IO.Pipelines;
using Cloud.ObjectStorage.Contracts;

namespace Cloud.Database.Archive;

/// <summary>Objects of the archive that are packed by gzip on their way.</summary>
internal static class PackedObjects
{
    /// <summary>Stores what a stream holds; half of one never becomes an object.</summary>
    /// <returns>How many bytes it takes there.</returns>
    public static async Task<long> PutPackedAsync(
        this IPrivateObjects objects, string bucket, string key, Stream content, CancellationToken ct)
    {
        var pipe = new Pipe();
        var storing = PutAsync(objects, bucket, key, pipe.Reader, ct);
        var stored = new CountedStream(pipe.Writer.AsStream(leaveOpen: true));
        try
        {
            await using (var packed = new GZipStream(stored, CompressionLevel.Fastest, leaveOpen: true))
            {
                await content.CopyToAsync(packed, ct);
            }

            await pipe.Writer.CompleteAsync();
        }
        catch (Exception failed)
        {
            // Half a backup must not become an object.
            await pipe.Writer.CompleteAsync(failed);
            throw;
        }
        finally
        {
            await ((Task)storing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await storing;
        return stored.Length;
    }

    private static async Task PutAsync(IPrivateObjects objects, string bucket, string key, PipeReader packed, CancellationToken ct)
    {
        try
        {
            await objects.PutAsync(bucket, key, packed.AsStream(leaveOpen: true), ct);
        }
        finally
        {
            // Who writes would wait for ever for one that reads no more.
            await packed.CompleteAsync();
        }
    }

    /// <summary>Counts what goes through it.</summary>
    private sealed class CountedStream(Stream to) : Stream
    {
        private long _length;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _length;

        public override long Position { get => _length; set => throw new NotSupportedException(); }

        public override void Flush() => to.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => to.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count)
        {
            to.Write(buffer, offset, count);
            _length += count;
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await to.WriteAsync(buffer, cancellationToken);
            _length += buffer.Length;
        }
    }
}
