namespace Cloud.ServiceDefaults.Auth;

/// <summary>
/// Files that only their owner reads: secrets. They appear whole or not at all, also where two processes make one at once.
/// </summary>
public static class PrivateFile
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Reads a file, or makes it where there is none. Whoever comes second reads what the first has made.</summary>
    public static string ReadOrCreate(string path, Func<string> make)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(make);
        if (!File.Exists(path))
        {
            var written = WriteBeside(path, make());
            try
            {
                File.Move(written, path, overwrite: false);
            }
            catch (IOException) when (File.Exists(path))
            {
                File.Delete(written);
            }
        }

        return File.ReadAllText(path);
    }

    /// <summary>Replaces a file's text at once: readers see the old one or the new one.</summary>
    public static void Replace(string path, string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        File.Move(WriteBeside(path, text), path, overwrite: true);
    }

    private static string WriteBeside(string path, string text)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(folder);
        var beside = Path.Combine(folder, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}");
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Mode };
        using var file = new FileStream(beside, options);
        using (var writer = new StreamWriter(file, leaveOpen: true))
        {
            writer.Write(text);
        }

        file.Flush(flushToDisk: true);
        return beside;
    }
}
