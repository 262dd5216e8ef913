using System.Text.RegularExpressions;

namespace Cloud.Tidy.Tests.Code;

/// <summary>What the compiler does not ask: short files and lines, nothing half done, no failure that nobody hears of.</summary>
public sealed partial class SourceTextTests
{
    private const int FileLinesMax = 600;
    private const int LineColumnsMax = 140;

    /// <summary>Files that may be longer, each with its reason.</summary>
    private static readonly Dictionary<string, string> LongFiles = [];

    // Spelled in two halves, or this file would break its own rule.
    private static readonly string[] UnfinishedWords = ["TO" + "DO", "FIX" + "ME", "HA" + "CK", "XX" + "X"];

    private static readonly string[] BannedNames = ["Utils", "Util", "Helpers", "Helper", "Manager", "Misc", "Common", "Constants"];

    private static IEnumerable<string> Scripts => Repository.WithExtension(".sh").Append(".ci/run");

    private static IEnumerable<string> Written =>
        Repository.Sources.Concat(Scripts).Concat(Repository.WithExtension(".c", ".h", ".csproj", ".props", ".yml"));

    [Fact]
    public void File_IsShort() =>
        Repository.Sources.Concat(Scripts).Concat(Repository.WithExtension(".c")).Where(file => !LongFiles.ContainsKey(file))
            .Select(file => (File: file, Lines: Repository.ReadLines(file).Length)).Where(file => file.Lines > FileLinesMax)
            .Select(file => $"{file.File}: {file.Lines} lines")
            .ShouldBeNone($"At most {FileLinesMax} lines a file; split by topic:");

    [Fact]
    public void Line_IsShort() =>
        Lines(Repository.Sources).Where(line => line.Text.Length > LineColumnsMax).Select(line => $"{line.At}: {line.Text.Length} columns")
            .ShouldBeNone($"At most {LineColumnsMax} columns a line:");

    [Fact]
    public void Code_IsFinished() =>
        Lines(Written).Where(line => UnfinishedWords.Any(word => Regex.IsMatch(line.Text, $@"\b{word}\b"))
                || line.Text.Contains("NotImplemented" + "Exception", StringComparison.Ordinal))
            .Select(line => $"{line.At}: {line.Text.Trim()}")
            .ShouldBeNone("What is committed is done; what is not done is not committed:");

    [Fact]
    public void Failure_IsNeverSwallowed() =>
        Repository.Sources.SelectMany(
            file => EmptyCatch().Matches(Repository.Read(file)).Select(match => $"{file}:{LineOf(file, match.Index)}"))
            .ShouldBeNone("A catch block does something, or says in a comment why nothing is right:");

    [Fact]
    public void Code_HasNoRegion() =>
        Lines(Repository.Sources).Where(line => line.Text.TrimStart().StartsWith("#region", StringComparison.Ordinal))
            .Select(line => line.At)
            .ShouldBeNone("No regions:");

    [Fact]
    public void File_IsNamedByWhatItHolds() =>
        Repository.Sources.Where(
            file => BannedNames.Any(word => Path.GetFileNameWithoutExtension(file).EndsWith(word, StringComparison.Ordinal))
                || file.Split('/').SkipLast(1).Any(BannedNames.Contains))
            .ShouldBeNone("A name says what a file holds, not that it holds something:");

    [Fact]
    public void Folder_IsNamedByTheDomain() =>
        Repository.Sources.Where(file => file.Split('/')
            .Any(part => part is "Controllers" or "Repositories" or "Interfaces" or "Models" or "Dtos" or "Services"))
            .ShouldBeNone("Folders are named by the domain, never by a pattern:");

    // A small shared project may keep one namespace over its folders: its users write one using.
    [Fact]
    public void File_HoldsNamespaceOfItsFolder() =>
        Repository.Sources.Where(file => !file.StartsWith("tests/benchmarks/", StringComparison.Ordinal))
            .Select(file => (File: file, Declared: Namespace().Match(Repository.Read(file)).Groups[1].Value))
            .Where(file => file.Declared.Length > 0 && !IsNamespaceOf(file.Declared, file.File))
            .Select(file => $"{file.File} declares {file.Declared}")
            .ShouldBeNone("Project, folder and namespace agree:");

    [Fact]
    public void Text_EndsWithOneNewLineAndHasNoTabOrTrailingSpace() =>
        Repository.WithExtension(".cs", ".sh", ".md", ".yml", ".props", ".csproj", ".json").SelectMany(Untidy)
            .ShouldBeNone("White space:");

    [Fact]
    public void Shared_HoldsNoDomainWord() =>
        Repository.Sources.Where(file => file.StartsWith("shared/", StringComparison.Ordinal))
            .SelectMany(file => DomainType().Matches(Repository.Read(file)).Select(match => $"{file}: {match.Value.Trim()}"))
            .ShouldBeNone("The shared projects know no noun of a service:");

    private static bool IsNamespaceOf(string declared, string file) =>
        ("." + Path.GetDirectoryName(file)!.Replace('/', '.')).EndsWith($".{declared}", StringComparison.Ordinal)
        || file.StartsWith($"shared/{declared}/", StringComparison.Ordinal);

    private static IEnumerable<string> Untidy(string file)
    {
        if (file.EndsWith("packages.lock.json", StringComparison.Ordinal))
        {
            yield break;
        }

        var text = Repository.Read(file);
        if (text.Length > 0 && (!text.EndsWith('\n') || text.EndsWith("\n\n", StringComparison.Ordinal)))
        {
            yield return $"{file}: one new line at the end";
        }

        if (text.Contains('\r', StringComparison.Ordinal))
        {
            yield return $"{file}: line ends are \\n";
        }

        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].EndsWith(' ') || lines[i].EndsWith('\t'))
            {
                yield return $"{file}:{i + 1}: trailing space";
            }

            if (lines[i].StartsWith('\t') && file.EndsWith(".cs", StringComparison.Ordinal))
            {
                yield return $"{file}:{i + 1}: tab";
            }
        }
    }

    private static IEnumerable<(string At, string Text)> Lines(IEnumerable<string> files) =>
        files.SelectMany(file => Repository.ReadLines(file).Select((text, index) => ($"{file}:{index + 1}", text)));

    private static int LineOf(string file, int index) => Repository.Read(file).AsSpan(0, index).Count('\n') + 1;

    [GeneratedRegex(@"catch\s*(\([^)]*\)\s*)?(when\s*\(.*\)\s*)?\{\s*\}")]
    private static partial Regex EmptyCatch();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(
        @"(class|record|struct|enum|interface) \w*" +
        @"(Instance|Image|Volume|Bucket|Snapshot|KeyPair|Guest|Hypervisor|Vault|RecoveryPoint|Placement)(Id|State|View|Status|s)?\b")]
    private static partial Regex DomainType();
}
