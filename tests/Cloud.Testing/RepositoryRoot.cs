namespace Cloud.Testing;

/// <summary>The folder of the checkout that the tests were built from.</summary>
public static class RepositoryRoot
{
    public static string Path { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string? folder) => folder switch
    {
        null => throw new DirectoryNotFoundException("There is no Cloud.sln above the tests."),
        _ when File.Exists(System.IO.Path.Combine(folder, "Cloud.sln")) => folder,
        _ => Find(System.IO.Path.GetDirectoryName(folder)),
    };
}
