using Cloud.Compute.Instances;

namespace Cloud.Compute.Tests.Instances;

public sealed class ConsoleTextTests
{
    [Theory]
    [InlineData("a\nb\nc\n", 1, "c\n")]
    [InlineData("a\nb\nc\n", 2, "b\nc\n")]
    [InlineData("a\nb\nc\n", 3, "a\nb\nc\n")]
    [InlineData("a\nb\nc\n", 9, "a\nb\nc\n")]
    [InlineData("a\nb\nc", 1, "c")]
    [InlineData("", 5, "")]
    [InlineData("\n", 1, "\n")]
    public void Tail_IsTheLastLines(string text, int lines, string tail) => ConsoleText.Tail(text, lines).ShouldBe(tail);
}
