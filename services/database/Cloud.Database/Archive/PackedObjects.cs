using System.IO.Compression;
using System.IO.Pipelines;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Cloud.Database.Archive;

/// <summary>Objects of the archive that are packed on their way: by Zstandard, in earlier versions by gzip.</summary>
internal static class PackedObjects
{
    private const int Level = 1;
    private const string Suffix = ".zst";
    private const string SuffixBefore = ".gz";

    /// <summary>Stores what a stream holds; half of one never becomes an object.</summary>
    /// <returns>How many bytes it takes there.</returns>
    public static async Task<long> PutPackedAsync(
        this IPrivateObjects objects, string bucket, string key, Stream content, CancellationToken ct)
    {
        var pipe = new Pipe();
        var storing = PutAsync(objects, bucket, key + Suffix, pipe.Reader, ct);
        var stored = new CountedStream(pipe.Writer.AsStream(leaveOpen: true));
        try
        {
            await using (var packed = new CompressionStream(stored, Level))
            {
                packed.SetParameter(ZSTD_cParameter.ZSTD_c_checksumFlag, 1);
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

    /// <summary>What was stored so.</summary>
    /// <exception cref="CloudException">It is not there.</exception>
    public static async Task<Stream> OpenPackedAsync(this IPrivateObjects objects, string bucket, string key, CancellationToken ct)
    {
        if (await objects.OpenAsync(bucket, key + Suffix, ct) is { } packed)
        {
            return new DecompressionStream(packed, leaveOpen: false);
        }

        return new GZipStream(
            await objects.OpenAsync(bucket, key + SuffixBefore, ct) ?? throw DatabaseArchive.Lost(key), CompressionMode.Decompress);
    }

    /// <summary>Done also where there is none.</summary>
    public static async Task DeletePackedAsync(this IPrivateObjects objects, string bucket, string key, CancellationToken ct)
    {
        await objects.DeleteAsync(bucket, key + Suffix, ct);
        await objects.DeleteAsync(bucket, key + SuffixBefore, ct);
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
