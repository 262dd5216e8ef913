using System.Text;
using Cloud.ObjectStorage.Objects;

namespace Cloud.ObjectStorage.Index;

/// <summary>What of a bucket is asked for.</summary>
/// <param name="After">The list begins after this key; empty for the beginning.</param>
/// <param name="AfterRank">Of versions: after this version of <paramref name="After"/>; null for after all of its versions.</param>
internal sealed record ListingQuery(string Bucket, string Prefix, string Delimiter, string After, long? AfterRank, int Max);

/// <summary>A page of a bucket, in the order of keys; a common prefix stands for all keys that begin with it.</summary>
/// <param name="Next">Whether there is more: after which key or common prefix.</param>
/// <param name="NextRank">Of versions: after which version of it.</param>
/// <param name="RowsRead">What the page cost.</param>
internal sealed record ListingPage(
    IReadOnlyList<ObjectVersion> Versions, IReadOnlyList<string> CommonPrefixes, string? Next, long? NextRank, int RowsRead);

/// <summary>
/// Pages of keys. It seeks past a common prefix instead of reading what lies under it, so that a page costs what it shows, whatever the
/// bucket holds.
/// </summary>
internal static class Listing
{
    private const int StepMin = 2;

    public static Task<ListingPage> CurrentAsync(IndexSession session, ListingQuery query, CancellationToken ct) =>
        ReadAsync(session, query, versions: false, ct);

    public static Task<ListingPage> VersionsAsync(IndexSession session, ListingQuery query, CancellationToken ct) =>
        ReadAsync(session, query, versions: true, ct);

    /// <summary>The first text after all that begin with this one; null where there is none.</summary>
    internal static string? After(string prefix)
    {
        // In UTF-8, as in code points: the last one counted up.
        for (var end = prefix.Length; end > 0;)
        {
            var low = char.IsLowSurrogate(prefix[end - 1]) && end > 1;
            var start = low ? end - 2 : end - 1;
            var point = low ? char.ConvertToUtf32(prefix[start], prefix[start + 1]) : prefix[start];
            if (point < 0x10FFFF)
            {
                var next = point == 0xD7FF ? 0xE000 : point + 1;
                return string.Concat(prefix.AsSpan(0, start), char.ConvertFromUtf32(next));
            }

            end = start;
        }

        return null;
    }

    private static async Task<ListingPage> ReadAsync(IndexSession session, ListingQuery query, bool versions, CancellationToken ct)
    {
        var rows = new List<ObjectVersion>();
        var prefixes = new List<string>();
        var read = 0;
        var end = After(query.Prefix);
        var position = Start(query);
        (string Key, long? Rank)? last = null;
        var step = query.Delimiter.Length == 0 ? query.Max + 1 : 16;
        if (query.Max == 0)
        {
            return new ListingPage(rows, prefixes, null, null, read);
        }

        while (position is not null)
        {
            var batch = await BatchAsync(session, query.Bucket, position, end, step, versions, ct);
            string? skip = null;
            read += batch.Count;
            foreach (var row in batch)
            {
                if (skip is not null && row.Key.StartsWith(skip, StringComparison.Ordinal))
                {
                    continue;
                }

                if (rows.Count + prefixes.Count == query.Max)
                {
                    return new ListingPage(rows, prefixes, last?.Key, last?.Rank, read);
                }

                skip = CommonPrefix(row.Key, query);
                if (skip is not null)
                {
                    prefixes.Add(skip);
                    last = (skip, null);
                }
                else
                {
                    rows.Add(row);
                    last = (row.Key, versions ? row.Rank : null);
                }
            }

            if (batch.Count < step)
            {
                break;
            }

            position = skip is not null ? Seek(skip) : new Position(batch[^1].Key, Inclusive: false, versions ? batch[^1].Rank : null);
            step = skip is not null ? StepMin : Math.Min(step * 2, query.Max + 1 - rows.Count - prefixes.Count);
        }

        return new ListingPage(rows, prefixes, null, null, read);
    }

    private static Position? Start(ListingQuery query)
    {
        if (query.After.Length == 0 || IsBefore(query.After, query.Prefix))
        {
            return new Position(query.Prefix, Inclusive: true, null);
        }

        // After a common prefix that a page ended with come the keys that do not begin with it.
        return query.Delimiter.Length > 0 && query.After.Length > query.Prefix.Length && CommonPrefix(query.After, query) == query.After
            ? Seek(query.After)
            : new Position(query.After, Inclusive: false, query.AfterRank);
    }

    /// <summary>As both databases compare: by the bytes of UTF-8, where .NET compares by UTF-16.</summary>
    private static bool IsBefore(string one, string other) =>
        Encoding.UTF8.GetBytes(one).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(other)) < 0;

    private static Position? Seek(string prefix) => After(prefix) is { } next ? new Position(next, Inclusive: true, null) : null;

    private static string? CommonPrefix(string key, ListingQuery query)
    {
        if (query.Delimiter.Length == 0 || !key.StartsWith(query.Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        var at = key.IndexOf(query.Delimiter, query.Prefix.Length, StringComparison.Ordinal);
        return at < 0 ? null : key[..(at + query.Delimiter.Length)];
    }

    private static Task<List<ObjectVersion>> BatchAsync(
        IndexSession session, string bucket, Position position, string? end, int step, bool versions, CancellationToken ct)
    {
        var from = position switch
        {
            { Inclusive: true } => """ "Key" >= @p1 AND @p2 = 0 """,
            { Rank: not null } => """ ("Key", "Rank") > (@p1, @p2) """,
            _ => """ "Key" > @p1 AND @p2 = 0 """,
        };
        var which = versions ? "" : """AND "IsLatest" = TRUE AND "IsDeleteMarker" = FALSE""";
        var order = versions ? """ "Key", "Rank" """ : """ "Key" """;
        return session.ListAsync(
            $"""
            SELECT {IndexSession.VersionColumns} FROM "Objects"
            WHERE "Bucket" = @p0 AND {from} {(end is null ? "AND @p3 = ''" : "AND \"Key\" < @p3")} {which}
            ORDER BY {order} LIMIT @p4
            """,
            IndexSession.ReadVersion, ct, bucket, position.Key, position.Rank ?? 0, end ?? "", step);
    }

    /// <summary>Where a batch begins.</summary>
    private sealed record Position(string Key, bool Inclusive, long? Rank);
}
