using System.Runtime.InteropServices;

namespace Cloud.Backup.Vaults;

/// <summary>A chunk's name: HMAC-SHA256 of its bytes, keyed by the vault. All zero for a chunk of zeros, which is not stored.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct ChunkId
{
    public const int SizeBytes = 32;

    private readonly ulong _first;
    private readonly ulong _second;
    private readonly ulong _third;
    private readonly ulong _fourth;

    public ChunkId(ReadOnlySpan<byte> bytes) => this = MemoryMarshal.Read<ChunkId>(bytes[..SizeBytes]);

    /// <summary>A chunk of zeros.</summary>
    public static ChunkId Hole => default;

    public bool IsHole => this == default;

    public static ChunkId Parse(string hex) => new(Convert.FromHexString(hex));

    public void CopyTo(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);

    // The bytes are as good as random: any four of them are a hash.
    public override int GetHashCode() => (int)_first;

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[SizeBytes];
        CopyTo(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}
