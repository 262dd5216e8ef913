using System.Security.Cryptography;

namespace Cloud.Oci;

/// <summary>Hashes what is read through it, and bounds how much that may be.</summary>
internal sealed class HashedStream(Stream inner) : Stream
{
    /// <summary>A layer unpacked: what is compressed well is a bomb beyond it.</summary>
    private const long BytesMax = 64L << 30;

    private const int BufferBytes = 128 << 10;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _read;
        set => throw new NotSupportedException();
    }

    /// <summary>Reads what is left; the SHA-256 of all of it, in hexadecimal.</summary>
    public async Task<string> FinishAsync(CancellationToken ct)
    {
        var buffer = new byte[BufferBytes];
        while (await Task.Run(() => Read(buffer), ct) > 0)
        {
        }

        return Convert.ToHexStringLower(_hash.GetHashAndReset());
    }

    public override int Read(Span<byte> buffer)
    {
        int read;
        try
        {
            read = inner.Read(buffer);
        }
        catch (InvalidDataException broken)
        {
            throw new OciException("A layer cannot be decompressed.", broken);
        }

        _hash.AppendData(buffer[..read]);
        _read += read;
        return _read <= BytesMax ? read : throw new OciException($"A layer unpacks to more than {BytesMax >> 30} GiB.");
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
            _hash.Dispose();
        }

        base.Dispose(disposing);
    }
}
