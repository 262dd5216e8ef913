using System.Globalization;
using System.Text.RegularExpressions;

namespace Cloud.Tidy.Tests.Code;

/// <summary>
/// The numbers of enums lie in databases, in guests' folders and on the wire: <c>PersistedEnums.txt</c> freezes them. A new member is
/// appended there too; none is renumbered, none used again. An internal enum without numbers never leaves its process.
/// </summary>
public sealed partial class PersistedEnumTests
{
    private const string Frozen = "tests/Cloud.Tidy.Tests/Code/PersistedEnums.txt";

    /// <summary>Projects whose numbers a specification keeps better than a list could: the encodings of RISC-V and x86-64.</summary>
    private static readonly string[] Specified = ["Cloud.Vmm.RiscV"];

    private static List<(string File, string Name, string Body)> Enums =>
        [.. Repository.Sources.Where(file => !file.StartsWith("tests/", StringComparison.Ordinal)
            && !Specified.Contains(ProjectOf(file))).SelectMany(file =>
            Enum().Matches(Repository.Read(file))
                .Where(
                    match => match.Groups["visible"].Value == "public"
                        || match.Groups["body"].Value.Contains(" = ", StringComparison.Ordinal))
                .Select(match => (file, match.Groups["name"].Value, match.Groups["body"].Value)))];

    private static List<string> Members =>
        [.. Enums.SelectMany(type => Member().Matches(type.Body)
            .Select(match => $"{ProjectOf(type.File)} {type.Name} {match.Groups["name"].Value} {match.Groups["number"].Value}"))];

    [Fact]
    public void Member_HasANumber() =>
        Enums.SelectMany(type => Member().Matches(type.Body).Where(match => !match.Groups["number"].Success)
            .Select(match => $"{type.File}: {type.Name}.{match.Groups["name"].Value}"))
            .ShouldBeNone("A member of an enum that is stored or sent says its number:");

    [Fact]
    public void Number_IsNotZero() =>
        Members.Where(member => int.Parse(member.Split(' ')[3], CultureInfo.InvariantCulture) == 0)
            .ShouldBeNone("A field that nobody set has no member: numbers start at 1:");

    [Fact]
    public void Member_KeepsItsNumber()
    {
        var frozen = Repository.ReadLines(Frozen);
        frozen.Length.ShouldBeGreaterThan(50);
        frozen.Except(Members).ShouldBeNone(
            $"{Frozen} has these members, and the code no longer has them so. What was stored would be misread:");
        Members.Except(frozen).ShouldBeNone($"Append what is new to {Frozen}:");
    }

    private static string ProjectOf(string file) => file.Split('/').Last(part => part.StartsWith("Cloud.", StringComparison.Ordinal));

    [GeneratedRegex(@"^[ \t]*(?<visible>public|internal) enum (?<name>\w+)[^{]*\{(?<body>[^}]*)\}", RegexOptions.Multiline)]
    private static partial Regex Enum();

    [GeneratedRegex(@"^[ \t]*(?<name>[A-Z]\w*)(?:\s*=\s*(?<number>\d+))?,?[ \t]*$", RegexOptions.Multiline)]
    private static partial Regex Member();
}
