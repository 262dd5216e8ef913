namespace Cloud.Tidy.Tests;

/// <summary>What breaks a rule, all of it at once: one run of the suite shows everything that is to be put right.</summary>
internal static class Findings
{
    public static void ShouldBeNone(this IEnumerable<string> findings, string rule)
    {
        var all = findings.ToList();
        if (all.Count > 0)
        {
            Assert.Fail($"{rule}\n{string.Join('\n', all)}\n");
        }
    }
}
