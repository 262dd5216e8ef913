using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Cloud.ObjectStorage.S3.Checksums;

/// <summary>A checksum that a client asks for by name.</summary>
/// <param name="Name">As S3 spells it: <c>CRC64NVME</c>.</param>
/// <param name="Length">Of the value, in bytes.</param>
internal sealed record ChecksumAlgorithm(string Name, int Length, CrcKind? Crc, HashAlgorithmName Hash)
{
    public const string HeaderPrefix = "x-amz-checksum-";

    public static IReadOnlyList<ChecksumAlgorithm> All { get; } =
    [
        new("CRC32", 4, CrcKind.Crc32, default),
        new("CRC32C", 4, CrcKind.Crc32C, default),
        new("CRC64NVME", 8, CrcKind.Crc64Nvme, default),
        new("SHA1", 20, null, HashAlgorithmName.SHA1),
        new("SHA256", 32, null, HashAlgorithmName.SHA256),
    ];

    /// <summary><c>x-amz-checksum-crc64nvme</c>.</summary>
    public string Header { get; } = HeaderPrefix + Name.ToLowerInvariant();

    /// <summary><c>ChecksumCRC64NVME</c>.</summary>
    public string Element { get; } = "Checksum" + Name;

    /// <exception cref="S3Exception">There is no such algorithm.</exception>
    public static ChecksumAlgorithm Parse(string name) => Find(name)
        ?? throw S3Error.InvalidRequest.With(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            + "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");

    public static ChecksumAlgorithm? Find(string name) => All.FirstOrDefault(one => one.Name.Equals(name,
        StringComparison.OrdinalIgnoreCase));

    public bool IsValue(string text)
    {
        var bytes = new byte[Length + 1];
        return Convert.TryFromBase64String(text, bytes, out var written) && written == Length;
    }

    public Checksum Start() => new(this);

    /// <summary>The checksum of a whole from those of its parts, without reading them again.</summary>
    public string Combine(IEnumerable<(string Value, long SizeBytes)> parts)
    {
        var crc = Crc ?? throw new InvalidOperationException($"{Name} cannot be combined.");
        var whole = 0UL;
        foreach (var (value, size) in parts)
        {
            var bytes = Convert.FromBase64String(value);
            var part = Length == sizeof(uint) ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt64BigEndian(bytes);
            whole = crc.Combine(whole, part, size);
        }

        return Convert.ToBase64String(Bytes(whole));
    }

    internal byte[] Bytes(ulong crc)
    {
        var bytes = new byte[Length];
        if (Length == sizeof(uint))
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)crc);
        }
        else
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes, crc);
        }

        return bytes;
    }
}

/// <summary>A checksum that is being taken.</summary>
internal sealed class Checksum(ChecksumAlgorithm algorithm) : IDisposable
{
    private readonly IncrementalHash? _hash = algorithm.Crc is null ? IncrementalHash.CreateHash(algorithm.Hash) : null;
    private ulong _crc;

    public ChecksumAlgorithm Algorithm => algorithm;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (_hash is not null)
        {
            _hash.AppendData(bytes);
        }
        else
        {
            _crc = algorithm.Crc!.Append(_crc, bytes);
        }
    }

    /// <summary>In base64.</summary>
    public string Value() => Convert.ToBase64String(_hash?.GetCurrentHash() ?? algorithm.Bytes(_crc));

    public void Dispose() => _hash?.Dispose();
}
