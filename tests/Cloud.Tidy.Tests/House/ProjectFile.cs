using System.Xml.Linq;

namespace Cloud.Tidy.Tests.House;

/// <summary>A project, with all that it references, straight and through others.</summary>
internal sealed record ProjectFile(string Path)
{
    private static readonly Dictionary<string, ProjectFile> ByPath = Repository.Projects.ToDictionary(
        path => path, path => new ProjectFile(path));

    public static IReadOnlyCollection<ProjectFile> All => ByPath.Values;

    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>The service it is part of (<c>compute</c>), or null outside services.</summary>
    public string? Service => Path.Split('/') is ["services", var service, ..] ? service : null;

    public bool IsContracts => Name.EndsWith(".Contracts", StringComparison.Ordinal);

    public bool IsTests => Name.EndsWith(".Tests", StringComparison.Ordinal);

    public bool IsEngine => Path.StartsWith("services/compute/engine/", StringComparison.Ordinal);

    public bool IsShared => Path.StartsWith("shared/", StringComparison.Ordinal);

    public IReadOnlyList<ProjectFile> References { get => field ??= [.. Items("ProjectReference").Select(Resolve)]; }

    public IReadOnlyList<string> Packages { get => field ??= [.. Items("PackageReference"), .. Items("FrameworkReference")]; }

    public bool IsWeb => Xml.Root!.Attribute("Sdk")?.Value == "Microsoft.NET.Sdk.Web";

    public IEnumerable<ProjectFile> AllReferences =>
        References.Concat(References.SelectMany(reference => reference.AllReferences)).Distinct();

    private XDocument Xml { get => field ??= XDocument.Load(Repository.PathOf(Path)); }

    private IEnumerable<string> Items(string kind) =>
        Xml.Descendants(kind).Select(item => item.Attribute("Include")?.Value).OfType<string>();

    private ProjectFile Resolve(string include)
    {
        var path = System.IO.Path.GetRelativePath(
            Repository.Root, System.IO.Path.GetFullPath(System.IO.Path.Combine(Repository.Root, Folder, include.Replace('\\', '/'))));
        return ByPath.TryGetValue(path, out var project)
            ? project
            : throw new InvalidOperationException($"{Path} references {include}, which is not there.");
    }
}
