using System.Text.RegularExpressions;

namespace Cloud.Tidy.Tests.Documents;

/// <summary>The tree says nothing of the machine it was written on, and takes packages from wherever its user does.</summary>
public sealed partial class OriginTests
{
    private static readonly string[] Written = [".cs", ".sh", ".md", ".yml", ".json", ".props", ".csproj", ".txt", ".c", ".h", ".env", ""];

    [Fact]
    public void File_NamesNoFolderOfAMachine() =>
        Found(MachinePath()).ShouldBeNone("Paths of somebody's machine:");

    [Fact]
    public void File_NamesNoRegistry() =>
        Found(Registry()).ShouldBeNone("Hosts of package registries; the user's own settings say where packages come from:");

    [Fact]
    public void File_HoldsNoSecret() =>
        Found(Secret()).ShouldBeNone("Secrets are made at the first start, never written down here:");

    private static IEnumerable<string> Found(Regex pattern) =>
        Repository.WithExtension(Written).Where(file => !file.EndsWith("packages.lock.json", StringComparison.Ordinal)
            && !file.EndsWith("OriginTests.cs", StringComparison.Ordinal))
            .SelectMany(file => Repository.ReadLines(file).Select((line, index) => (At: $"{file}:{index + 1}", Line: line)))
            .Where(line => pattern.IsMatch(line.Line))
            .Select(line => $"{line.At}: {line.Line.Trim()}");

    [GeneratedRegex(@"(?<![\w.])/(work|home/(?!\w+/\.nuget)\w+|Users/\w+|tmp/tools)/|[A-Z]:\\Users\\")]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"(api\.nuget|registry\.npmjs|pypi\.org|proxy\.golang|index\.crates|artifactory|\bnexus\.)")]
    private static partial Regex Registry();

    [GeneratedRegex(@"-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}")]
    private static partial Regex Secret();
}
