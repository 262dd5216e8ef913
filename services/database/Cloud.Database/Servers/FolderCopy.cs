namespace Cloud.Database.Servers;

/// <summary>
/// Copies folders of servers. Where their file system can share blocks (XFS, btrfs) a copy takes no space until it differs, and no longer
/// for being large: .NET asks for that first (<c>FICLONE</c>). Elsewhere the bytes are copied.
/// </summary>
internal static class FolderCopy
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Copies all of a folder; what its server removes meanwhile is left out.</summary>
    public static void Copy(string from, string to, CancellationToken ct) => Copy(from, to, _ => true, ct);

    /// <param name="takes">Asked for each path in the folder, of files and of folders.</param>
    public static void Copy(string from, string to, Func<string, bool> takes, CancellationToken ct) =>
        Copy(new DirectoryInfo(from), to, path => takes(Path.GetRelativePath(from, path)), ct);

    private static void Copy(DirectoryInfo from, string to, Func<string, bool> takes, CancellationToken ct)
    {
        Directory.CreateDirectory(to, OwnerOnly);
        foreach (var entry in from.EnumerateFileSystemInfos())
        {
            ct.ThrowIfCancellationRequested();
            if (!takes(entry.FullName))
            {
                continue;
            }

            var path = Path.Combine(to, entry.Name);
            try
            {
                if (entry is DirectoryInfo folder)
                {
                    Copy(folder, path, takes, ct);
                }
                else
                {
                    File.Copy(entry.FullName, path, overwrite: true);
                }
            }
            catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
            {
                // Removed since the folder was read.
            }
        }
    }
}
