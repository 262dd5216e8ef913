using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Backup.Vaults;

/// <summary>Compresses by the system's libzstd (zstd.h, RFC 8878), which Debian's own package manager needs.</summary>
internal sealed class ZstdCompressor : SafeHandleZeroOrMinusOneIsInvalid
{
    /// <param name="level">1 to 19; the higher, the slower.</param>
    /// <param name="parameters">What the level alone would set otherwise.</param>
    public ZstdCompressor(int level, params ReadOnlySpan<(ZstdParameter Parameter, int Value)> parameters)
        : base(ownsHandle: true)
    {
        SetHandle(Zstd.CreateCompressor());
        Zstd.Check(Zstd.SetParameter(handle, (int)ZstdParameter.Level, level));
        foreach (var (parameter, value) in parameters)
        {
            Zstd.Check(Zstd.SetParameter(handle, (int)parameter, value));
        }
    }

    /// <summary>How large a frame of so many bytes may become.</summary>
    public static int BoundOf(int length) => checked((int)Zstd.Bound((nuint)length));

    /// <summary>Makes a frame of its own; answers its length.</summary>
    public unsafe int Compress(ReadOnlySpan<byte> plain, Span<byte> packed)
    {
        fixed (byte* from = plain)
        fixed (byte* to = packed)
        {
            return (int)Zstd.Check(Zstd.Compress(handle, to, (nuint)packed.Length, from, (nuint)plain.Length));
        }
    }

    /// <summary>What is compressed next is the beginning of a frame.</summary>
    public void BeginFrame() => Zstd.Check(Zstd.ResetCompressor(handle, Zstd.ResetSession));

    /// <summary>Goes on with the frame: what came so far can be opened by what was written so far.</summary>
    /// <returns>How many bytes were written.</returns>
    /// <exception cref="InvalidOperationException">They did not fit.</exception>
    public unsafe int GoOn(ReadOnlySpan<byte> plain, Span<byte> packed)
    {
        fixed (byte* from = plain)
        fixed (byte* to = packed)
        {
            var input = new Zstd.Buffer { Bytes = from, Length = (nuint)plain.Length };
            var output = new Zstd.Buffer { Bytes = to, Length = (nuint)packed.Length };
            return Zstd.Check(Zstd.CompressStream(handle, &output, &input, Zstd.Flush)) == 0 && input.Position == input.Length
                ? (int)output.Position
                : throw new InvalidOperationException($"{plain.Length} bytes take more than {packed.Length} when they are packed.");
        }
    }

    protected override bool ReleaseHandle()
    {
        _ = Zstd.FreeCompressor(handle);
        return true;
    }
}

/// <summary>Opens what <see cref="ZstdCompressor"/> made.</summary>
internal sealed class ZstdDecompressor : SafeHandleZeroOrMinusOneIsInvalid
{
    public ZstdDecompressor()
        : base(ownsHandle: true) => SetHandle(Zstd.CreateDecompressor());

    /// <summary>Opens a frame of its own, which says how long it is.</summary>
    /// <returns>Null where it is no frame, or of more bytes than that.</returns>
    public byte[]? Open(ReadOnlySpan<byte> packed, int lengthMax)
    {
        var length = Zstd.ContentSize(packed);
        if (length > (ulong)lengthMax)
        {
            return null;
        }

        var plain = new byte[length];
        BeginFrame();
        return TryGoOn(packed, plain) ? plain : null;
    }

    /// <summary>What is opened next is the beginning of a frame.</summary>
    public void BeginFrame() => Zstd.Check(Zstd.ResetDecompressor(handle, Zstd.ResetSession));

    /// <summary>Goes on with the frame.</summary>
    /// <returns>Whether it is exactly so many bytes.</returns>
    public unsafe bool TryGoOn(ReadOnlySpan<byte> packed, Span<byte> plain)
    {
        fixed (byte* from = packed)
        fixed (byte* to = plain)
        {
            var input = new Zstd.Buffer { Bytes = from, Length = (nuint)packed.Length };
            var output = new Zstd.Buffer { Bytes = to, Length = (nuint)plain.Length };
            while (true)
            {
                var (read, written) = (input.Position, output.Position);
                if (Zstd.IsError(Zstd.DecompressStream(handle, &output, &input)) != 0)
                {
                    return false;
                }

                if (input.Position == read && output.Position == written)
                {
                    return input.Position == input.Length && output.Position == output.Length;
                }
            }
        }
    }

    protected override bool ReleaseHandle()
    {
        _ = Zstd.FreeDecompressor(handle);
        return true;
    }
}

/// <summary>As <c>ZSTD_cParameter</c> numbers them.</summary>
internal enum ZstdParameter
{
    Level = 100,
    WindowLog = 101,
    HashLog = 102,
    MinMatch = 105,
}

internal static unsafe partial class Zstd
{
    /// <summary><c>ZSTD_reset_session_only</c>.</summary>
    public const int ResetSession = 1;

    /// <summary><c>ZSTD_e_flush</c>.</summary>
    public const int Flush = 1;

    private const string Library = "libzstd.so.1";

    /// <summary>What a frame says of its length; the largest number where it is none, or does not say.</summary>
    public static ulong ContentSize(ReadOnlySpan<byte> packed)
    {
        fixed (byte* from = packed)
        {
            // ZSTD_CONTENTSIZE_UNKNOWN and _ERROR are the two largest numbers.
            return FrameContentSize(from, (nuint)packed.Length);
        }
    }

    /// <exception cref="InvalidOperationException">The library refused.</exception>
    public static nuint Check(nuint result) => IsError(result) == 0
        ? result
        : throw new InvalidOperationException($"libzstd: {Marshal.PtrToStringUTF8(ErrorName(result))}.");

    [LibraryImport(Library, EntryPoint = "ZSTD_createCCtx")]
    public static partial nint CreateCompressor();

    [LibraryImport(Library, EntryPoint = "ZSTD_freeCCtx")]
    public static partial nuint FreeCompressor(nint compressor);

    [LibraryImport(Library, EntryPoint = "ZSTD_CCtx_setParameter")]
    public static partial nuint SetParameter(nint compressor, int parameter, int value);

    [LibraryImport(Library, EntryPoint = "ZSTD_CCtx_reset")]
    public static partial nuint ResetCompressor(nint compressor, int what);

    [LibraryImport(Library, EntryPoint = "ZSTD_compressBound")]
    public static partial nuint Bound(nuint length);

    [LibraryImport(Library, EntryPoint = "ZSTD_compress2")]
    public static partial nuint Compress(nint compressor, byte* to, nuint toLength, byte* from, nuint fromLength);

    [LibraryImport(Library, EntryPoint = "ZSTD_compressStream2")]
    public static partial nuint CompressStream(nint compressor, Buffer* output, Buffer* input, int end);

    [LibraryImport(Library, EntryPoint = "ZSTD_createDCtx")]
    public static partial nint CreateDecompressor();

    [LibraryImport(Library, EntryPoint = "ZSTD_freeDCtx")]
    public static partial nuint FreeDecompressor(nint decompressor);

    [LibraryImport(Library, EntryPoint = "ZSTD_DCtx_reset")]
    public static partial nuint ResetDecompressor(nint decompressor, int what);

    [LibraryImport(Library, EntryPoint = "ZSTD_decompressStream")]
    public static partial nuint DecompressStream(nint decompressor, Buffer* output, Buffer* input);

    [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
    public static partial uint IsError(nuint result);

    [LibraryImport(Library, EntryPoint = "ZSTD_getErrorName")]
    private static partial nint ErrorName(nuint result);

    [LibraryImport(Library, EntryPoint = "ZSTD_getFrameContentSize")]
    private static partial ulong FrameContentSize(byte* packed, nuint length);

    /// <summary><c>ZSTD_inBuffer</c> and <c>ZSTD_outBuffer</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Buffer
    {
        public byte* Bytes;
        public nuint Length;
        public nuint Position;
    }
}
