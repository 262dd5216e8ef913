namespace Cloud.Database.Servers;

/// <summary>Files that have no name: they are gone when they are closed, however the service ends.</summary>
internal static class ScratchFile
{
    private const int BufferBytes = 1 << 20;

    public static FileStream Create(DatabaseOptions options)
    {
        Directory.CreateDirectory(options.Folder);
        var path = Path.Combine(options.Folder, $"{Guid.NewGuid():N}.part");
        var file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, BufferBytes);
        File.Delete(path);
        return file;
    }
}
