using System.Globalization;
using Cloud.Database.Databases;

namespace Cloud.Database.Archive;

/// <summary>Where things lie in the private bucket: <c>{database}/{generation}/base/…</c> and <c>…/wal/…</c>.</summary>
internal static class ArchiveKeys
{
    public const string Bucket = "databases";

    /// <summary>The size of a file of the write-ahead log (<c>initdb --wal-segsize</c>): small, as each is an object.</summary>
    public const int SegmentBytes = 1 << 20;

    private const long SegmentsPerFileId = (1L << 32) / SegmentBytes;

    /// <summary>Files that were handed over, for a server to be made of.</summary>
    public static string StagedOf(string key) => $"staged/{key}.tar";

    public static string PrefixOf(DatabaseId database) => $"{database.Value}/";

    public static string BaseOf(DatabaseId database, int generation, string backup) =>
        string.Create(CultureInfo.InvariantCulture, $"{database.Value}/{generation}/base/{backup}.tar");

    /// <summary>What a server said before it stopped.</summary>
    public static string LastLogOf(DatabaseId database, int generation) =>
        string.Create(CultureInfo.InvariantCulture, $"{database.Value}/{generation}/said.log");

    public static string LogPrefixOf(DatabaseId database, int generation) =>
        string.Create(CultureInfo.InvariantCulture, $"{database.Value}/{generation}/wal/");

    public static string SegmentOf(DatabaseId database, int generation, int timeline, long position) =>
        LogPrefixOf(database, generation) + SegmentName(timeline, position);

    /// <summary>The name of the file that holds a place of the log (PostgreSQL's <c>XLogFileName</c>).</summary>
    public static string SegmentName(int timeline, long position)
    {
        var segment = position / SegmentBytes;
        return string.Create(
            CultureInfo.InvariantCulture, $"{timeline:X8}{segment / SegmentsPerFileId:X8}{segment % SegmentsPerFileId:X8}");
    }

    public static long SegmentStart(long position) => position / SegmentBytes * SegmentBytes;
}
