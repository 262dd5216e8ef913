namespace Cloud.Database.Archive;

/// <summary>Which files of a server that runs are copied between the start and the stop of a backup (manual, 26.3.3.3).</summary>
internal static class CopiedFiles
{
    // The log comes last, as does the control file. The rest is of the running server alone.
    private static readonly string[] EmptyFolders =
    [
        "pg_wal/", "pg_replslot/", "pg_dynshmem/", "pg_notify/", "pg_serial/", "pg_snapshots/", "pg_stat_tmp/", "pg_subtrans/",
    ];

    private static readonly string[] FilesLeftOut =
    [
        "postmaster.pid", "postmaster.opts", "backup_label", "tablespace_map", "recovery.signal", "current_logfiles", "global/pg_control",
    ];

    /// <param name="path">Below the data folder.</param>
    public static bool Takes(string path) =>
        !FilesLeftOut.Contains(path)
        && !EmptyFolders.Any(folder => path.StartsWith(folder, StringComparison.Ordinal))
        && !path.Contains("/pgsql_tmp", StringComparison.Ordinal)
        && Path.GetFileName(path) != "pg_internal.init";
}
