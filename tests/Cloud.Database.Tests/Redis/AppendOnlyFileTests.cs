using System.Text;
using Cloud.Database.Redis;

namespace Cloud.Database.Tests.Redis;

/// <summary>Where a log of writes is cut.</summary>
public sealed class AppendOnlyFileTests
{
    private const string First = "#TS:100\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";

    // Its value looks like the mark of a time.
    private const string Second = "#TS:101\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$9\r\n\r\n#TS:999\r\n";
    private const string Transaction = "#TS:103\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n";

    [Theory]
    [InlineData(First + Second + Transaction, null, First + Second + Transaction, false)]
    [InlineData(First + Second + Transaction, 103L, First + Second + Transaction, false)]
    [InlineData(First + Second + Transaction, 102L, First + Second, true)]
    [InlineData(First + Second + Transaction, 100L, First, true)]
    [InlineData(First + Second + Transaction, 99L, "", true)]
    [InlineData(First + "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$9\r\nhal", null, First, false)]
    [InlineData(First + "*3\r\n$3\r\nSE", null, First, false)]
    [InlineData(First + "#TS:10", null, First, false)]
    [InlineData(First + "*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n", null, First, false)]
    [InlineData("", null, "", false)]
    public async Task Cut_LeavesWhatIsWhole_AndNotLater(string text, long? lastSecond, string left, bool isLater)
    {
        var path = Path.GetTempFileName();
        await File.WriteAllTextAsync(path, text, Encoding.Latin1, TestContext.Current.CancellationToken);

        AppendOnlyFile.Cut(path, lastSecond).ShouldBe(isLater);

        (await File.ReadAllTextAsync(path, Encoding.Latin1, TestContext.Current.CancellationToken)).ShouldBe(left);
        File.Delete(path);
    }
}
