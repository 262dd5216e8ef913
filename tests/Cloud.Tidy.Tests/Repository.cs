namespace Cloud.Tidy.Tests;

/// <summary>The checkout that the tests run in: its files, and what is left out of every rule because it is made, not written.</summary>
internal static class Repository
{
    private static readonly string[] MadeFolders = ["artifacts", "node_modules", ".git", ".vs", ".idea", "bin", "obj"];

    public static string Root { get; } = FindRoot();

    /// <summary>Every written file, by its path from the root with slashes, in order.</summary>
    public static IReadOnlyList<string> Files { get; } = [.. FilesBelow(Root).Order(StringComparer.Ordinal)];

    public static string PathOf(string file) => Path.Combine(Root, file);

    public static string Read(string file) => File.ReadAllText(PathOf(file));

    public static string[] ReadLines(string file) => File.ReadAllLines(PathOf(file));

    public static IEnumerable<string> WithExtension(params string[] extensions) =>
        Files.Where(file => extensions.Contains(Path.GetExtension(file)));

    /// <summary>C# that somebody wrote: migrations are generated.</summary>
    public static IEnumerable<string> Sources => WithExtension(".cs").Where(file => !file.Contains("/Migrations/", StringComparison.Ordinal)
        && !file.Contains(".Migrations.", StringComparison.Ordinal));

    public static IEnumerable<string> Projects => WithExtension(".csproj");

    private static IEnumerable<string> FilesBelow(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder).Where(file => Path.GetFileName(file) != ".env"))
        {
            yield return Path.GetRelativePath(Root, file);
        }

        foreach (var below in Directory.EnumerateDirectories(folder))
        {
            var name = Path.GetFileName(below);
            if (MadeFolders.Contains(name) || (folder == Root && name.StartsWith(".cloud", StringComparison.Ordinal))
                || new DirectoryInfo(below).LinkTarget is not null)
            {
                continue;
            }

            foreach (var file in FilesBelow(below))
            {
                yield return file;
            }
        }
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Cloud.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not lie in a checkout.");
        }

        return folder;
    }
}
