using Microsoft.Data.Sqlite;

namespace Cloud.Persistence.Sqlite;

/// <summary>The right to change a SQLite file's schema: a lock on a file beside it, which the system frees when the process ends.</summary>
internal static class SqliteMigrationTurn
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    public static async Task<IAsyncDisposable> TakeAsync(string file, TimeProvider time, CancellationToken ct)
    {
        var folder = Path.GetDirectoryName(file)!;
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var start = time.GetTimestamp();
        while (true)
        {
            try
            {
                var turn = new FileStream(file + ".migration", new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.None,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                });
                RemoveStaleLock(file);
                return turn;
            }
            catch (IOException) when (time.GetElapsedTime(start) < Patience)
            {
                await Task.Delay(Pause, time, ct);
            }
        }
    }

    /// <summary>
    /// EF's own lock on SQLite is a row. A process that was killed while it migrated leaves it, and every later start would wait for ever.
    /// While the file is ours nobody else migrates, so any such row is stale.
    /// </summary>
    private static void RemoveStaleLock(string file)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT 1 FROM sqlite_master WHERE name = '__EFMigrationsLock'";
        if (command.ExecuteScalar() is not null)
        {
            command.CommandText = "DELETE FROM \"__EFMigrationsLock\"";
            command.ExecuteNonQuery();
        }

        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
