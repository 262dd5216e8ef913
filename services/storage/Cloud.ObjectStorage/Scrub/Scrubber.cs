using System.IO.Pipelines;
using System.Security.Cryptography;
using Cloud.Messaging;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.ObjectStorage.Scrub;

/// <summary>
/// Reads everything that is stored, in turn and again and again, and compares it with the MD5 of what was written. What differs is set
/// aside: better no answer than a wrong one. Objects encrypted by a customer's key can be opened by nobody here; of those it looks at
/// the length.
/// </summary>
internal sealed partial class Scrubber(
    IDbContextFactory<ObjectStorageDbContext> databases, IndexReads reads, IndexWriter writer, BlobStore blobs, ObjectKeys keys,
    IOptions<ObjectStorageOptions> options, TimeProvider time, ILogger<Scrubber> log)
    : IReconciler
{
    private const int PartsMax = 100;

    /// <summary>What a look at a blob costs beside its bytes.</summary>
    private const int BlobCostBytes = 4096;

    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO "ScrubPositions" ("Id", "Bucket", "Key", "Rank", "Part", "StartedAt", "FinishedAt") VALUES (1, '', '', 0, 0, 0, 0)
            ON CONFLICT ("Id") DO NOTHING
            """,
            ct);
        var position = await db.ScrubPositions.SingleAsync(ct);
        var now = time.GetUtcNow();
        if (position.StartedAt == 0)
        {
            if (position.FinishedAt > 0 && now.UtcTicks - position.FinishedAt < options.Value.ScrubRest.Ticks)
            {
                return;
            }

            position.StartedAt = now.UtcTicks;
        }

        var left = options.Value.ScrubBytesPerRound;
        while (left > 0 && await NextAsync(position, ct) is { } version)
        {
            if (!version.IsAt(position))
            {
                (position.Bucket, position.Key, position.Rank, position.Part) = (version.Bucket, version.Key, version.Rank, 0);
            }

            left = await CheckAsync(version, position, left, ct);
        }

        if (left > 0)
        {
            await ForgetAsync(db, ct);
            (position.Bucket, position.Key, position.Rank, position.Part) = ("", "", 0, 0);
            (position.StartedAt, position.FinishedAt) = (0, time.GetUtcNow().UtcTicks);
        }

        await db.SaveChangesAsync(ct);
    }

    /// <summary>The version that is being read where parts of it are left, else the next in the order of the table.</summary>
    private async Task<Stored?> NextAsync(ScrubPosition at, CancellationToken ct)
    {
        const string columns = """ "Bucket", "Key", "Rank", "VersionId", "Attributes", "Blob", "Upload", "SizeBytes", "ETag" """;
        const string same = $"""
            SELECT {columns} FROM "Objects" WHERE "Bucket" = @p0 AND "Key" = @p1 AND "Rank" = @p2
                AND EXISTS (SELECT 1 FROM "Parts" WHERE "Parts"."Upload" = "Objects"."Upload" AND "Number" > @p3)
            """;
        const string next = $"""
            SELECT {columns} FROM "Objects" WHERE ("Bucket", "Key", "Rank") > (@p0, @p1, @p2) ORDER BY "Bucket", "Key", "Rank" LIMIT 1
            """;
        static Stored Read(System.Data.Common.DbDataReader row) => new(
            row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetString(3), row.GetString(4), 0,
            row.IsDBNull(5) ? null : row.GetString(5), row.IsDBNull(6) ? null : row.GetString(6), row.GetInt64(7), row.GetString(8));
        return await reads.ReadAsync(
            async session => await session.FirstAsync(same, Read, ct, at.Bucket, at.Key, at.Rank, at.Part)
                ?? await session.FirstAsync(next, Read, ct, at.Bucket, at.Key, at.Rank),
            ct);
    }

    /// <returns>What is left of the round.</returns>
    private async Task<long> CheckAsync(Stored version, ScrubPosition position, long left, CancellationToken ct)
    {
        left -= BlobCostBytes;
        if (version.Upload is not { } upload)
        {
            await CheckAsync(version, ct);
            return left - version.SizeBytes;
        }

        foreach (var part in await reads.ReadAsync(session => session.PartsAsync(upload, position.Part, PartsMax, ct), ct))
        {
            await CheckAsync(version with { Part = part.Number, Blob = part.Blob, SizeBytes = part.SizeBytes, ETag = part.ETag }, ct);
            position.Part = part.Number;
            left -= part.SizeBytes + BlobCostBytes;
            if (left <= 0)
            {
                break;
            }
        }

        return left;
    }

    private async Task CheckAsync(Stored stored, CancellationToken ct)
    {
        if (stored.Blob is not { } blob || await DamageOfAsync(stored, ct) is not { } reason || !await IsStillThereAsync(blob, ct))
        {
            return;
        }

        var damaged = new DamagedBlob
        {
            Blob = blob,
            Bucket = stored.Bucket,
            Key = stored.Key,
            VersionId = stored.VersionId,
            Part = stored.Part == 0 ? null : stored.Part,
            Reason = reason,
            FoundAt = time.GetUtcNow().UtcTicks,
        };
        if (await writer.WriteAsync(index => index.SetAsideAsync(damaged), ct))
        {
            LogDamaged(log, blob, stored.Bucket, reason);
        }

        if (!SmallBlob.Is(blob))
        {
            blobs.SetAside(blob);
        }
    }

    /// <returns>Null where the bytes are those that were written.</returns>
    private async Task<string?> DamageOfAsync(Stored stored, CancellationToken ct)
    {
        try
        {
            return SmallBlob.Is(stored.Blob!) ? await DamageOfSmallAsync(stored, ct) : await DamageOfFileAsync(stored, ct);
        }
        catch (FileNotFoundException)
        {
            return "its file is missing";
        }
        catch (Exception unreadable) when (unreadable is IOException or InvalidDataException or CryptographicException)
        {
            return unreadable.Message;
        }
    }

    private async Task<string?> DamageOfSmallAsync(Stored stored, CancellationToken ct)
    {
        var bytes = await reads.ReadAsync(
            session => session.FirstAsync(
                """SELECT "Bytes" FROM "SmallBlobs" WHERE "Blob" = @p0""", row => (byte[])row.GetValue(0), ct, stored.Blob!),
            ct);
        return bytes is null
            ? "its bytes are missing"
            : await DamageAsync(
                stored, bytes.Length, (cipher, to) => BlobReader.SendSmallAsync(bytes, cipher, 0, stored.SizeBytes, to, ct), ct);
    }

    private async Task<string?> DamageOfFileAsync(Stored stored, CancellationToken ct)
    {
        using var file = blobs.Open(stored.Blob!);
        return await DamageAsync(
            stored, RandomAccess.GetLength(file), (cipher, to) => BlobReader.SendAsync(file, cipher, 0, stored.SizeBytes, to, ct), ct);
    }

    private async Task<string?> DamageAsync(Stored stored, long length, Func<BlobCipher?, PipeWriter, Task> send, CancellationToken ct)
    {
        var encryption = ObjectAttributes.FromJson(stored.Attributes).Encryption;
        var expected = encryption is null ? stored.SizeBytes : BlobCipher.LengthOf(stored.SizeBytes);
        if (length != expected)
        {
            return $"it has {length} bytes and not {expected}";
        }

        if (encryption?.CustomerKeyMd5 is not null)
        {
            return null;
        }

        using var cipher = keys.Open(encryption, null);
        var pipe = new Pipe();
        var sending = SendAsync();
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        await using (var read = pipe.Reader.AsStream())
        {
            var buffer = new byte[128 * 1024];
            int count;
            while ((count = await read.ReadAsync(buffer, ct)) > 0)
            {
                md5.AppendData(buffer, 0, count);
            }
        }

        await sending;
        return Convert.ToHexStringLower(md5.GetHashAndReset()) == stored.ETag ? null : "its bytes are not those that were written";

        async Task SendAsync()
        {
            try
            {
                await send(cipher, pipe.Writer);
                await pipe.Writer.CompleteAsync();
            }
            catch (Exception failed)
            {
                // The reader throws it.
                await pipe.Writer.CompleteAsync(failed);
            }
        }
    }

    private async Task<bool> IsStillThereAsync(string blob, CancellationToken ct) => await reads.ReadAsync(
        session => session.ScalarAsync<long>(
            """SELECT (SELECT COUNT(*) FROM "Objects" WHERE "Blob" = @p0) + (SELECT COUNT(*) FROM "Parts" WHERE "Blob" = @p0)""", ct, blob),
        ct) > 0;

    /// <summary>What was set aside goes when nothing needs it any more: its object was written anew or deleted.</summary>
    private async Task ForgetAsync(ObjectStorageDbContext db, CancellationToken ct)
    {
        foreach (var damaged in await db.DamagedBlobs.ToListAsync(ct))
        {
            if (await IsStillThereAsync(damaged.Blob, ct))
            {
                continue;
            }

            blobs.DeleteAside(damaged.Blob);
            await db.SmallBlobs.Where(row => row.Blob == DamagedBlob.AsidePrefix + damaged.Blob).ExecuteDeleteAsync(ct);
            db.DamagedBlobs.Remove(damaged);
        }
    }

    [LoggerMessage(
        EventId = 7030, Level = LogLevel.Error, Message = "The blob {Blob} of bucket {Bucket} is damaged and set aside: {Reason}")]
    private static partial void LogDamaged(ILogger log, string blob, string bucket, string reason);

    /// <summary>A version, or a part of one, and what its bytes must be.</summary>
    private sealed record Stored(
        string Bucket, string Key, long Rank, string VersionId, string Attributes, int Part, string? Blob, string? Upload, long SizeBytes,
        string ETag)
    {
        public bool IsAt(ScrubPosition position) =>
            (Bucket, Key, Rank) == (position.Bucket, position.Key, position.Rank);
    }
}
