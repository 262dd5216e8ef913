using System.Security.Cryptography;
using System.Text;

namespace Cloud.ObjectStorage.S3.Signing;

/// <summary>
/// A body in <c>aws-chunked</c> encoding: chunks that say their length, and their signature where they are signed, then trailing headers
/// ("Signature calculations: transferring payload in multiple chunks").
/// </summary>
internal sealed class ChunkedPayload(Stream body, VerifiedRequest signature) : IDisposable
{
    private const int LineMax = 4096;
    private const int TrailersMax = 16;
    private const int ChunkSizeDigitsMax = 15;
    private const string SignatureField = "chunk-signature=";
    private const string TrailerSignature = "x-amz-trailer-signature";

    private static readonly string EmptyHash = SigningKey.Hash("");

    private readonly bool _signed =
        signature.PayloadHash is VerifiedRequest.SignedChunks or VerifiedRequest.SignedChunksTrailer;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;
    private long _left;
    private bool _inChunk;
    private bool _over;
    private string _chunkSignature = "";
    private string _previous = signature.Signature;

    /// <summary>The trailing headers, by name in lower case; whole once the body was read to its end.</summary>
    public Dictionary<string, string> Trailers { get; } = new(StringComparer.Ordinal);

    /// <returns>0 at the end of the last chunk, with its signature verified.</returns>
    public async ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken ct)
    {
        while (!_over)
        {
            if (!_inChunk)
            {
                await BeginChunkAsync(ct);
                continue;
            }

            if (_left == 0)
            {
                await EndChunkAsync(ct);
                continue;
            }

            if (_start == _end)
            {
                await FillAsync(ct);
            }

            var count = (int)Math.Min(Math.Min(destination.Length, _left), _end - _start);
            _buffer.AsMemory(_start, count).CopyTo(destination);
            if (_signed)
            {
                _hash.AppendData(_buffer, _start, count);
            }

            _start += count;
            _left -= count;
            return count;
        }

        return 0;
    }

    public void Dispose() => _hash.Dispose();

    private async ValueTask BeginChunkAsync(CancellationToken ct)
    {
        var line = await LineAsync(ct);
        var semicolon = line.IndexOf(';', StringComparison.Ordinal);
        var digits = (semicolon < 0 ? line : line[..semicolon]).Trim();
        if (digits.Length is 0 or > ChunkSizeDigitsMax || !digits.All(char.IsAsciiHexDigit))
        {
            throw S3Error.IncompleteBody.With("A chunk does not begin with its size.");
        }

        _left = Convert.ToInt64(digits, 16);
        var field = semicolon < 0 ? "" : line[(semicolon + 1)..].Trim();
        if (_signed && !field.StartsWith(SignatureField, StringComparison.Ordinal))
        {
            throw S3Error.SignatureDoesNotMatch.With("A chunk is not signed.");
        }

        _chunkSignature = _signed ? field[SignatureField.Length..] : "";
        if (_left > 0)
        {
            _inChunk = true;
            return;
        }

        VerifyChunk();
        await ReadTrailersAsync(ct);
        _over = true;
    }

    private async ValueTask EndChunkAsync(CancellationToken ct)
    {
        if ((await LineAsync(ct)).Length > 0)
        {
            throw S3Error.IncompleteBody.With("A chunk is longer than its size.");
        }

        VerifyChunk();
        _inChunk = false;
    }

    private void VerifyChunk()
    {
        if (!_signed)
        {
            return;
        }

        var expected = SigningKey.Sign(
            signature.SigningKey!,
            $"AWS4-HMAC-SHA256-PAYLOAD\n{signature.Date}\n{signature.Scope}\n{_previous}\n{EmptyHash}\n"
            + Convert.ToHexStringLower(_hash.GetHashAndReset()));
        if (!SigningKey.Equal(expected, _chunkSignature))
        {
            throw S3Error.SignatureDoesNotMatch.With("The signature of a chunk does not match.");
        }

        _previous = expected;
    }

    private async ValueTask ReadTrailersAsync(CancellationToken ct)
    {
        var signed = new StringBuilder();
        while (await TrailerLineAsync(ct) is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || Trailers.Count == TrailersMax)
            {
                throw S3Error.MalformedTrailer.With();
            }

            var name = line[..colon].Trim().ToLowerInvariant();
            var value = line[(colon + 1)..].Trim();
            Trailers[name] = value;
            if (name != TrailerSignature)
            {
                signed.Append(name).Append(':').Append(value).Append('\n');
            }
        }

        if (signature.PayloadHash != VerifiedRequest.SignedChunksTrailer)
        {
            return;
        }

        var expected = SigningKey.Sign(
            signature.SigningKey!,
            $"AWS4-HMAC-SHA256-TRAILER\n{signature.Date}\n{signature.Scope}\n{_previous}\n{SigningKey.Hash(signed.ToString())}");
        if (!SigningKey.Equal(expected, Trailers.GetValueOrDefault(TrailerSignature, "")))
        {
            throw S3Error.SignatureDoesNotMatch.With("The signature of the trailing headers does not match.");
        }
    }

    /// <summary>Null where the body just ends: some clients leave the last empty line out.</summary>
    private async ValueTask<string?> TrailerLineAsync(CancellationToken ct)
    {
        if (_start == _end)
        {
            _start = 0;
            _end = await body.ReadAsync(_buffer, ct);
            if (_end == 0)
            {
                return null;
            }
        }

        return await LineAsync(ct);
    }

    private async ValueTask<string> LineAsync(CancellationToken ct)
    {
        var line = new StringBuilder();
        while (true)
        {
            if (_start == _end)
            {
                await FillAsync(ct);
            }

            var newline = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            var count = newline < 0 ? _end - _start : newline;
            if (line.Length + count > LineMax)
            {
                throw S3Error.IncompleteBody.With("A chunk's first line is too long.");
            }

            line.Append(Encoding.Latin1.GetString(_buffer, _start, count));
            _start += newline < 0 ? count : count + 1;
            if (newline >= 0)
            {
                return line.Length > 0 && line[^1] == '\r' ? line.ToString(0, line.Length - 1) : line.ToString();
            }
        }
    }

    private async ValueTask FillAsync(CancellationToken ct)
    {
        _start = 0;
        _end = 0;
        _end = await body.ReadAsync(_buffer, ct);
        if (_end == 0)
        {
            throw S3Error.IncompleteBody.With("The body ends before its last chunk.");
        }
    }
}
