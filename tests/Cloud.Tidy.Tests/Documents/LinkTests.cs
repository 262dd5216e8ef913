using System.Text.RegularExpressions;

namespace Cloud.Tidy.Tests.Documents;

/// <summary>What the documents point at is there.</summary>
public sealed partial class LinkTests
{
    [Fact]
    public void Link_LeadsSomewhere() =>
        Repository.WithExtension(".md").SelectMany(Broken).ShouldBeNone("Relative links that lead nowhere:");

    [Fact]
    public void WhereIsTable_NamesWhatIsThere()
    {
        var rows = Rows("README.md", "| Where is…").ToList();
        rows.Count.ShouldBeGreaterThan(10);
        rows.SelectMany(row => CodeSpan().Matches(row.Split('|')[2]).Select(match => match.Groups[1].Value))
            .Where(path => !Exists(path))
            .ShouldBeNone("The README's “where is…” table names these, and they are not there:");
    }

    [Fact]
    public void WhereIsTable_IsFoundBySearch() =>
        Rows("README.md", "| Where is…").Select(row => CodeSpan().Match(row.Split('|')[3]).Groups[1].Value)
            .Where(pattern => pattern.Length > 0)
            .Where(pattern => !Repository.Sources.Any(file => Regex.IsMatch(Repository.Read(file), pattern)))
            .ShouldBeNone("The README's table says to search for these, and nothing is found:");

    [Fact]
    public void HowTo_NamesFilesThatAreThere() =>
        CodeSpan().Matches(Repository.Read("CONTRIBUTING.md")).Select(match => match.Groups[1].Value)
            .Where(span => PathLike().IsMatch(span) && !Exists(span))
            .ShouldBeNone("CONTRIBUTING.md names these paths, and they are not there:");

    [Fact]
    public void SharedProjectAndService_HasAReadme() =>
        Repository.Projects.Where(project => !project.Contains(".Migrations.", StringComparison.Ordinal))
            .Select(project => project.Split('/')).Where(parts => parts[0] is "shared" or "services" or "gateway")
            .Select(parts => parts[0] == "services" ? string.Join('/', parts.Take(2)) : string.Join('/', parts.SkipLast(1))).Distinct()
            .Where(folder => !File.Exists(Repository.PathOf($"{folder}/README.md")))
            .ShouldBeNone("A README.md lives in the folder it speaks of; missing in:");

    private static IEnumerable<string> Rows(string file, string header) =>
        Repository.ReadLines(file).SkipWhile(line => !line.StartsWith(header, StringComparison.Ordinal)).Skip(2)
            .TakeWhile(line => line.StartsWith('|'));

    private static IEnumerable<string> Broken(string file)
    {
        var folder = Path.GetDirectoryName(Repository.PathOf(file))!;
        return Link().Matches(WithoutCode(Repository.Read(file))).Select(match => match.Groups[1].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith("mailto:", StringComparison.Ordinal))
            .Where(target => !Leads(file, folder, target))
            .Select(target => $"{file}: {target}");
    }

    private static bool Leads(string file, string folder, string target)
    {
        var (path, anchor) = target.Split('#') is [var before, var after] ? (before, after) : (target, "");
        var document = path.Length == 0 ? Repository.PathOf(file) : Path.GetFullPath(Path.Combine(folder, path));
        return (File.Exists(document) || Directory.Exists(document))
            && (anchor.Length == 0 || !document.EndsWith(".md", StringComparison.Ordinal) || Anchors(document).Contains(anchor));
    }

    // As GitHub makes them: lower case, spaces to hyphens, all but letters, digits and hyphens dropped.
    private static IEnumerable<string> Anchors(string document) =>
        File.ReadAllLines(document).Where(line => line.StartsWith('#'))
            .Select(line => NotInAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    private static string WithoutCode(string text) => Fence().Replace(text, "");

    private static bool Exists(string path)
    {
        var full = Repository.PathOf(path.TrimEnd('/'));
        return File.Exists(full) || Directory.Exists(full);
    }

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeSpan();

    // A path from the root: not a command, a route, a type or a pattern.
    [GeneratedRegex(@"^(gateway|services|shared|infra|tests|\.ci)/[\w./-]+$")]
    private static partial Regex PathLike();

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NotInAnchor();
}
