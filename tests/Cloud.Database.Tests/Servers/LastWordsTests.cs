using Cloud.Database.Servers;

namespace Cloud.Database.Tests.Servers;

/// <summary>What users are told of a program's end.</summary>
public sealed class LastWordsTests
{
    [Theory]
    [InlineData("", ".")]
    [InlineData("tar: a warning\ntar: write error: No space left on device\n", ": tar: write error: No space left on device")]
    public void OfAProgram_IsTheLastLine(string errors, string words) => LastWords.OfProgram(errors).ShouldBe(words);

    [Theory]
    [InlineData("[7] LOG:  starting\n[7] app@app STATEMENT:  SELECT 'secret'\n", ".")]
    [InlineData("[7] LOG:  starting\n[7] FATAL:  no room\n[7] LOG:  shut down\n", ": FATAL:  no room")]
    public void OfAServer_IsItsLastFatalMessage_AndNoStatement(string log, string words) => LastWords.OfServer(log).ShouldBe(words);

    [Fact]
    public void LongOnes_AreCut() => LastWords.OfProgram(new string('x', 5000)).Length.ShouldBeLessThan(300);
}
