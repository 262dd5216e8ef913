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

            // Attributes stand between; one of several lines goes on up to its bracket.
            var above = i - 1;
            while (above >= 0 && lines[above].EndsWith(']'))
            {
                while (above > 0 && !lines[above].TrimStart().StartsWith('['))
                {
                    above--;
                }

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
