using System.Data.Common;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Cloud.ObjectStorage.Index;

/// <summary>
/// A connection that is kept open, with the commands that were run on it. The index is read and written by plain SQL that both databases
/// take: it is the hot path of every object, and several times faster so.
/// </summary>
internal sealed class IndexSession : IAsyncDisposable
{
    private const int BucketsMax = 1000;

    /// <summary>Of a row, in the order of <see cref="ReadVersion"/>.</summary>
    public const string VersionColumns =
        """
        "Key", "Rank", "VersionId", "IsLatest", "IsDeleteMarker", "SizeBytes", "ETag", "Blob", "Upload", "ModifiedAt", "Owner",
        "Attributes", "Retention", "RetainUntil", "LegalHold"
        """;

    public const string PartColumns = """ "Number", "Blob", "SizeBytes", "Offset", "ETag", "Checksums", "ModifiedAt" """;

    public const string UploadColumns =
        """ "Id", "Key", "Owner", "CreatedAt", "Attributes", "Retention", "RetainUntil", "LegalHold" """;

    private readonly Dictionary<string, DbCommand> _commands = new(StringComparer.Ordinal);
    private readonly DbConnection _connection;

    private readonly Dictionary<string, Bucket> _buckets = new(StringComparer.Ordinal);

    private IndexSession(ObjectStorageDbContext db)
    {
        Db = db;
        _connection = db.Database.GetDbConnection();
        IsPostgres = db.Database.IsNpgsql();
    }

    public ObjectStorageDbContext Db { get; }

    public bool IsPostgres { get; }

    public static async Task<IndexSession> OpenAsync(IDbContextFactory<ObjectStorageDbContext> databases, CancellationToken ct)
    {
        var db = await databases.CreateDbContextAsync(ct);
        try
        {
            await db.Database.OpenConnectionAsync(ct);
            var session = new IndexSession(db);
            if (session.IsPostgres)
            {
                // Pages come out of the index in its order. Where the statistics are older than what a bucket has grown by, PostgreSQL
                // would read and sort all of it.
                await session.ExecuteAsync("SET enable_sort = off", ct);
            }

            return session;
        }
        catch
        {
            await db.DisposeAsync();
            throw;
        }
    }

    public async Task<int> ExecuteAsync(string sql, CancellationToken ct, params object?[] values) =>
        await Command(sql, values).ExecuteNonQueryAsync(ct);

    /// <returns>Default where there is no row, or its first column is NULL.</returns>
    public async Task<T?> ScalarAsync<T>(string sql, CancellationToken ct, params object?[] values) =>
        await Command(sql, values).ExecuteScalarAsync(ct) is { } value and not DBNull
            ? (T)Convert.ChangeType(value, Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T),
                System.Globalization.CultureInfo.InvariantCulture)
            : default;

    public async Task<T?> FirstAsync<T>(string sql, Func<DbDataReader, T> read, CancellationToken ct, params object?[] values)
        where T : class
    {
        await using var reader = await Command(sql, values).ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? read(reader) : null;
    }

    public async Task<List<T>> ListAsync<T>(string sql, Func<DbDataReader, T> read, CancellationToken ct, params object?[] values)
    {
        var rows = new List<T>();
        await using var reader = await Command(sql, values).ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var command in _commands.Values)
        {
            await command.DisposeAsync();
        }

        await Db.DisposeAsync();
    }

    /// <summary>A bucket as of a version of its row: read anew only where that has changed.</summary>
    public async ValueTask<Bucket> BucketAsync(string id, long version)
    {
        if (!_buckets.TryGetValue(id, out var bucket) || bucket.Version != version)
        {
            if (_buckets.Count >= BucketsMax)
            {
                _buckets.Clear();
            }

            var typed = new BucketId(id);
            _buckets[id] = bucket = await Db.Buckets.AsNoTracking().SingleAsync(row => row.Id == typed);
        }

        return bucket;
    }

    public static ObjectVersion ReadVersion(DbDataReader row) => new()
    {
        Key = row.GetString(0),
        Rank = row.GetInt64(1),
        VersionId = row.GetString(2),
        IsLatest = row.GetBoolean(3),
        IsDeleteMarker = row.GetBoolean(4),
        SizeBytes = row.GetInt64(5),
        ETag = row.GetString(6),
        Blob = row.IsDBNull(7) ? null : row.GetString(7),
        Upload = row.IsDBNull(8) ? null : row.GetString(8),
        ModifiedAt = row.GetInt64(9),
        Owner = row.GetString(10),
        Attributes = row.GetString(11),
        Retention = (RetentionMode)row.GetInt32(12),
        RetainUntil = row.GetInt64(13),
        LegalHold = row.GetBoolean(14),
        Bytes = row.FieldCount > 15 && !row.IsDBNull(15) ? (byte[])row.GetValue(15) : null,
    };

    public static Part ReadPart(DbDataReader row) => new()
    {
        Number = row.GetInt32(0),
        Blob = row.IsDBNull(1) ? null : row.GetString(1),
        SizeBytes = row.GetInt64(2),
        Offset = row.GetInt64(3),
        ETag = row.GetString(4),
        Checksums = row.GetString(5),
        ModifiedAt = row.GetInt64(6),
    };

    public static MultipartUpload ReadUpload(DbDataReader row) => new()
    {
        Id = row.GetString(0),
        Key = row.GetString(1),
        Owner = row.GetString(2),
        CreatedAt = row.GetInt64(3),
        Attributes = row.GetString(4),
        Retention = (RetentionMode)row.GetInt32(5),
        RetainUntil = row.GetInt64(6),
        LegalHold = row.GetBoolean(7),
    };

    /// <summary>The parameters are @p0, @p1, …</summary>
    private DbCommand Command(string sql, object?[] values)
    {
        if (!_commands.TryGetValue(sql, out var command))
        {
            command = _connection.CreateCommand();
#pragma warning disable CA2100 // SAFE BECAUSE: every caller's text is a constant, values are parameters.
            command.CommandText = sql;
#pragma warning restore CA2100
            for (var at = 0; at < values.Length; at++)
            {
                var parameter = command.CreateParameter();
                parameter.ParameterName = $"p{at}";
                command.Parameters.Add(parameter);
            }

            _commands.Add(sql, command);
        }

        for (var at = 0; at < values.Length; at++)
        {
            command.Parameters[at].Value = values[at] ?? DBNull.Value;
        }

        command.Transaction = Db.Database.CurrentTransaction?.GetDbTransaction();
        return command;
    }
}
