using System.Text.RegularExpressions;

namespace Cloud.Tidy.Tests.Code;

/// <summary>What others build on says what it promises: every public type of the contracts, the shared projects and the engine.</summary>
public sealed partial class DocCommentTests
{
    [Fact]
    public void PublicType_SaysWhatItIs() =>
        Repository.Sources.Where(IsBuiltUpon).SelectMany(Undocumented)
            .ShouldBeNone("A public type has a doc comment: what it is, what it promises:");

    private static bool IsBuiltUpon(string file) =>
        file.StartsWith("shared/", StringComparison.Ordinal) || file.StartsWith("services/compute/engine/", StringComparison.Ordinal)
        || file.Contains(".Contracts/", StringComparison.Ordinal) || file.Contains(".Client/", StringComparison.Ordinal);

    private static IEnumerable<string> Undocumented(string file)
    {
        var lines = Repository.ReadLines(file);
        for (var i = 0; i < lines.Length; i++)
        {
            if (!PublicType().IsMatch(lines[i]))
            {
                continue;
            }

            var above = i - 1;
            while (above >= 0 && lines[above].TrimStart().StartsWith('['))
            {
                above--;
            }

            if (above < 0 || !lines[above].TrimStart().StartsWith("///", StringComparison.Ordinal))
            {
                yield return $"{file}:{i + 1}: {lines[i].Trim()}";
            }
        }
    }

    [GeneratedRegex(
        @"^\s*public (?:(?:sealed|static|abstract|readonly|partial|ref|unsafe) )*(?:record|class|struct|interface|enum|delegate) .*$",
        RegexOptions.Multiline)]
    private static partial Regex PublicType();
}
