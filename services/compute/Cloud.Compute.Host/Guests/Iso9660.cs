using System.Buffers.Binary;
using System.Text;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// A small CD-ROM image: files in one root folder, ISO 9660 (ECMA-119) with Rock Ridge names (RRIP 1.09, SUSP 1.07), so that a guest sees
/// <c>user-data</c> and not <c>USER_DAT.;1</c>.
/// </summary>
internal static class Iso9660
{
    private const int Sector = 2048;
    private const int DescriptorAt = 16;
    private const int PathTableAt = 18;
    private const int RootAt = 20;
    private const int FilesAt = 21;
    private const int RecordBytes = 33;
    private const int RootRecordBytes = 34;
    private const int PathTableBytes = 10;
    private const int RootRecordInDescriptor = 156;
    private const byte DirectoryFlag = 2;

    /// <param name="volume">The label, at most 32 characters.</param>
    /// <param name="files">Few enough, with names short enough, for one sector of directory.</param>
    public static byte[] Make(string volume, IReadOnlyList<(string Name, byte[] Content)> files)
    {
        var sectors = FilesAt + files.Sum(file => SectorsOf(file.Content));
        var image = new byte[sectors * Sector];
        WriteDescriptors(image, volume, sectors);
        WritePathTables(image);

        var directory = image.AsSpan(RootAt * Sector, Sector);
        // SP: this folder has Rock Ridge; ER: which. Without them names are taken from ISO 9660 itself.
        var used = WriteRecord(
            directory, "\0", RootAt, Sector, DirectoryFlag,
            [.. "SP"u8, 7, 1, 0xbe, 0xef, 0, .. "ER"u8, 18, 1, 10, 0, 0, 1, .. "RRIP_1991A"u8]);
        used += WriteRecord(directory[used..], "\u0001", RootAt, Sector, DirectoryFlag, []);
        var at = FilesAt;
        foreach (var (name, content) in files)
        {
            var plain = name.ToUpperInvariant().Replace('-', '_') + ".;1";
            byte[] rockRidge = [.. "NM"u8, (byte)(5 + name.Length), 1, 0, .. Encoding.ASCII.GetBytes(name)];
            used += WriteRecord(directory[used..], plain, at, content.Length, 0, rockRidge);
            content.CopyTo(image, at * Sector);
            at += SectorsOf(content);
        }

        return image;
    }

    private static int SectorsOf(byte[] content) => (content.Length + Sector - 1) / Sector;

    private static void WriteDescriptors(byte[] image, string volume, int sectors)
    {
        var primary = image.AsSpan(DescriptorAt * Sector, Sector);
        primary[0] = 1;
        "CD001"u8.CopyTo(primary[1..]);
        primary[6] = 1;
        Fill(primary.Slice(8, 32), "");
        Fill(primary.Slice(40, 32), volume);
        Both32(primary[80..], sectors);
        Both16(primary[120..], 1);
        Both16(primary[124..], 1);
        Both16(primary[128..], Sector);
        Both32(primary[132..], PathTableBytes);
        BinaryPrimitives.WriteInt32LittleEndian(primary[140..], PathTableAt);
        BinaryPrimitives.WriteInt32BigEndian(primary[148..], PathTableAt + 1);
        WriteRecord(primary.Slice(RootRecordInDescriptor, RootRecordBytes), "\0", RootAt, Sector, DirectoryFlag, []);
        Fill(primary.Slice(190, 623), "");
        for (var date = 813; date < 881; date += 17)
        {
            // No date: sixteen digits of 0, and 0 as the zone.
            primary.Slice(date, 16).Fill((byte)'0');
        }

        primary[881] = 1;
        var terminator = image.AsSpan((DescriptorAt + 1) * Sector, Sector);
        terminator[0] = 255;
        "CD001"u8.CopyTo(terminator[1..]);
        terminator[6] = 1;
    }

    /// <summary>The one folder, in both byte orders.</summary>
    private static void WritePathTables(byte[] image)
    {
        var little = image.AsSpan(PathTableAt * Sector);
        little[0] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(little[2..], RootAt);
        BinaryPrimitives.WriteInt16LittleEndian(little[6..], 1);
        var big = image.AsSpan((PathTableAt + 1) * Sector);
        big[0] = 1;
        BinaryPrimitives.WriteInt32BigEndian(big[2..], RootAt);
        BinaryPrimitives.WriteInt16BigEndian(big[6..], 1);
    }

    /// <summary>A directory record (ECMA-119 §9.1); answers its length.</summary>
    private static int WriteRecord(Span<byte> into, string name, int sector, int bytes, byte flags, ReadOnlySpan<byte> systemUse)
    {
        var nameEnd = RecordBytes + name.Length + (1 - (name.Length & 1));
        var length = nameEnd + systemUse.Length + (systemUse.Length & 1);
        into[0] = (byte)length;
        Both32(into[2..], sector);
        Both32(into[10..], bytes);
        into[25] = flags;
        Both16(into[28..], 1);
        into[32] = (byte)name.Length;
        Encoding.ASCII.GetBytes(name, into[RecordBytes..]);
        systemUse.CopyTo(into[nameEnd..]);
        return length;
    }

    private static void Fill(Span<byte> into, string text)
    {
        into.Fill((byte)' ');
        Encoding.ASCII.GetBytes(text, into);
    }

    private static void Both16(Span<byte> into, short value)
    {
        BinaryPrimitives.WriteInt16LittleEndian(into, value);
        BinaryPrimitives.WriteInt16BigEndian(into[2..], value);
    }

    private static void Both32(Span<byte> into, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(into, value);
        BinaryPrimitives.WriteInt32BigEndian(into[4..], value);
    }
}
