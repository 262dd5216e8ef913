namespace Cloud.Compute.Host.Contracts;

/// <summary>
/// Where agents that share the control plane's data folder say where they listen: a file each, that the cloud's user alone writes.
/// </summary>
public static class AgentAddresses
{
    public static string FolderIn(string data) => Path.Combine(data, "run", "agents");

    /// <summary>Those that were said; what is no address is passed over.</summary>
    public static IReadOnlyList<Uri> Read(string data)
    {
        var folder = FolderIn(data);
        return Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder).Where(path => !path.EndsWith(".new", StringComparison.Ordinal))
                .Select(path => Uri.TryCreate(File.ReadAllText(path), UriKind.Absolute, out var url) && url.IsLoopback ? url : null)
                .OfType<Uri>().ToList()
            : [];
    }
}
