using System.Globalization;
using System.Security.Cryptography;
using Cloud.ObjectStorage.S3.Checksums;

namespace Cloud.ObjectStorage.S3.Signing;

/// <summary>
/// A body as it comes, with all that must be known of it taken on the way: no more hashes than the request asks for. What it says of itself
/// is verified at its end; nothing may be made of it before <see cref="Verify"/>.
/// </summary>
internal sealed class PayloadStream : IAsyncDisposable
{
    private readonly Stream _body;
    private readonly ChunkedPayload? _chunks;
    private readonly List<Checksum> _checksums = [];
    private readonly Dictionary<string, string> _expected = new(StringComparer.Ordinal);
    private IncrementalHash? _md5;
    private IncrementalHash? _sha256;
    private byte[]? _expectedMd5;
    private string? _expectedSha256;
    private ChecksumAlgorithm? _trailing;
    private long _read;

    private PayloadStream(Stream body, ChunkedPayload? chunks, long? length)
    {
        _body = body;
        _chunks = chunks;
        Length = length;
    }

    /// <summary>Of the bytes that it carries, where the request says it.</summary>
    public long? Length { get; }

    /// <summary>The algorithms whose checksums are taken.</summary>
    public IEnumerable<ChecksumAlgorithm> Algorithms => _checksums.Select(checksum => checksum.Algorithm);

    /// <summary>A body that nothing is said of.</summary>
    public static PayloadStream Of(Stream body, long? length) =>
        new(body, null, length) { _md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5) };

    /// <param name="ofObject">The checksum that the headers name is not of this body but of the object that comes of it.</param>
    /// <exception cref="S3Exception">What the headers say of the body does not fit together.</exception>
    public static PayloadStream Open(S3Request request, bool md5, bool ofObject)
    {
        var signature = request.Signature;
        var chunks = signature.IsChunked ? new ChunkedPayload(request.Http.Request.Body, signature) : null;
        var payload = new PayloadStream(request.Http.Request.Body, chunks, LengthOf(request, chunks is not null))
        {
            _expectedMd5 = S3Body.ContentMd5(request),
        };
        if (md5 || payload._expectedMd5 is not null)
        {
            payload._md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        }

        if (chunks is null && signature.PayloadHash != VerifiedRequest.UnsignedPayload)
        {
            payload._expectedSha256 = signature.PayloadHash;
            payload._sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        }

        if (!ofObject)
        {
            payload.ReadChecksums(request);
        }

        return payload;
    }

    /// <summary>Takes one more checksum, where it is not taken already.</summary>
    public void Take(ChecksumAlgorithm algorithm)
    {
        if (!Algorithms.Contains(algorithm))
        {
            _checksums.Add(algorithm.Start());
        }
    }

    /// <summary>The checksum that it must have.</summary>
    /// <exception cref="S3Exception">It is no value of that algorithm.</exception>
    public void Expect(ChecksumAlgorithm algorithm, string value)
    {
        if (!algorithm.IsValue(value))
        {
            throw S3Error.BadDigest.With($"Value for {algorithm.Header} header is invalid.");
        }

        _expected[algorithm.Name] = value;
        Take(algorithm);
    }

    /// <returns>0 at the end.</returns>
    public async ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken ct)
    {
        var count = _chunks is null ? await _body.ReadAsync(destination, ct) : await _chunks.ReadAsync(destination, ct);
        var bytes = destination.Span[..count];
        _read += count;
        _md5?.AppendData(bytes);
        _sha256?.AppendData(bytes);
        foreach (var checksum in _checksums)
        {
            checksum.Append(bytes);
        }

        return count;
    }

    /// <exception cref="S3Exception">It is not what the request said it would be.</exception>
    public void Verify()
    {
        if (Length is { } length && _read != length)
        {
            throw S3Error.IncompleteBody.With();
        }

        if (_expectedSha256 is not null
            && !SigningKey.Equal(Convert.ToHexStringLower(_sha256!.GetCurrentHash()), _expectedSha256.ToLowerInvariant()))
        {
            throw S3Error.XAmzContentSha256Mismatch.With(null, ("ClientComputedContentSHA256", _expectedSha256));
        }

        if (_expectedMd5 is not null && !_md5!.GetCurrentHash().AsSpan().SequenceEqual(_expectedMd5))
        {
            throw S3Error.BadDigest.With("The Content-MD5 you specified did not match what we received.");
        }

        if (_trailing is not null)
        {
            _expected[_trailing.Name] = _chunks!.Trailers.GetValueOrDefault(_trailing.Header)
                ?? throw S3Error.MalformedTrailer.With($"The trailing header {_trailing.Header} is missing.");
        }

        foreach (var (name, value) in _expected)
        {
            var checksum = _checksums.First(one => one.Algorithm.Name == name);
            if (!checksum.Algorithm.IsValue(value))
            {
                throw S3Error.BadDigest.With($"Value for {checksum.Algorithm.Header} header is invalid.");
            }

            if (checksum.Value() != value)
            {
                throw S3Error.BadDigest.With($"The {name} you specified did not match the calculated checksum.");
            }
        }
    }

    /// <summary>In hexadecimal, as an ETag has it.</summary>
    public string Md5Text() => Convert.ToHexStringLower(_md5!.GetCurrentHash());

    /// <summary>By algorithm, base64; null where none was asked for.</summary>
    public Dictionary<string, string>? Checksums() => _checksums.Count == 0
        ? null
        : _checksums.ToDictionary(checksum => checksum.Algorithm.Name, checksum => checksum.Value());

    public ValueTask DisposeAsync()
    {
        _chunks?.Dispose();
        _md5?.Dispose();
        _sha256?.Dispose();
        foreach (var checksum in _checksums)
        {
            checksum.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    private static long? LengthOf(S3Request request, bool chunked)
    {
        if (!chunked)
        {
            return request.Http.Request.ContentLength;
        }

        return request.Header("x-amz-decoded-content-length") is { } text
            ? long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                ? length
                : throw S3Error.InvalidArgument.With("x-amz-decoded-content-length must be a number of bytes.")
            : throw S3Error.MissingContentLength.With("You must provide the x-amz-decoded-content-length HTTP header.");
    }

    private void ReadChecksums(S3Request request)
    {
        foreach (var algorithm in ChecksumAlgorithm.All)
        {
            if (request.Header(algorithm.Header) is { } value)
            {
                Expect(algorithm, value);
            }
        }

        if (_expected.Count > 1)
        {
            throw S3Error.InvalidRequest.With("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
        }

        if (request.Header("x-amz-trailer") is { } trailer && trailer.StartsWith(ChecksumAlgorithm.HeaderPrefix,
            StringComparison.OrdinalIgnoreCase))
        {
            if (_chunks is null || _expected.Count > 0)
            {
                throw S3Error.InvalidRequest.With("x-amz-trailer needs a body in aws-chunked encoding, and no other checksum.");
            }

            _trailing = ChecksumAlgorithm.Find(trailer[ChecksumAlgorithm.HeaderPrefix.Length..])
                ?? throw S3Error.InvalidRequest.With("The value specified in the x-amz-trailer header is not supported");
            Take(_trailing);
        }

        if (request.Header("x-amz-sdk-checksum-algorithm") is { } named)
        {
            Take(ChecksumAlgorithm.Parse(named));
        }
    }
}
