using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Cloud.Persistence;

/// <summary>What a database's refusal means, on both databases.</summary>
public static class DatabaseErrors
{
    // https://www.sqlite.org/rescode.html
    private const int SqliteConstraintPrimaryKey = 1555;
    private const int SqliteConstraintUnique = 2067;
    private const int SqliteFull = 13;
    private const int SqliteIoShmSize = 4874;

    // errno(3), which the runtime hands on as it is.
    private const int NoSpace = 28;

    /// <summary>A row with this key, or with this value of a unique index, is already there.</summary>
    public static bool IsUniqueViolation(this DbUpdateException exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception.InnerException switch
        {
            SqliteException sqlite => sqlite.SqliteExtendedErrorCode is SqliteConstraintPrimaryKey or SqliteConstraintUnique,
            PostgresException postgres => postgres.SqlState == PostgresErrorCodes.UniqueViolation,
            _ => false,
        };
    }

    /// <summary>
    /// The database does not answer, or has no room for us now: nothing is wrong with what was asked, and later it works.
    /// </summary>
    public static bool IsDatabaseUnavailable(this Exception exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is NpgsqlException { IsTransient: true } or DatabaseBusyException)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The disk of the database or of a file is full: nothing is wrong with what was asked, and nothing of it was done.</summary>
    public static bool IsDiskFull(this Exception exception)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is SqliteException { SqliteErrorCode: SqliteFull } or SqliteException { SqliteExtendedErrorCode: SqliteIoShmSize }
                or PostgresException { SqlState: PostgresErrorCodes.DiskFull } or IOException { HResult: NoSpace })
            {
                return true;
            }
        }

        return false;
    }
}
