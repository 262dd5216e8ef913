using System.Text.Json;

namespace Cloud.Primitives.Tests;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("512", 512)]
    [InlineData("1Ki", 1L << 10)]
    [InlineData("512Mi", 512L << 20)]
    [InlineData("2Gi", 2L << 30)]
    [InlineData("3Ti", 3L << 40)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("8388607Ti", 8388607L << 40)]
    public void Text_OfDigitsAndAUnit_IsRead(string text, long bytes)
    {
        ByteSize.TryParse(text, out var size).ShouldBeTrue();
        size.Bytes.ShouldBe(bytes);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Gi")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("1.5Gi")]
    [InlineData(" 1Gi")]
    [InlineData("1 Gi")]
    [InlineData("1Gi ")]
    [InlineData("1gi")]
    [InlineData("1G")]
    [InlineData("1GB")]
    [InlineData("1KiMi")]
    [InlineData("1,024")]
    [InlineData("0x10")]
    [InlineData("٣")]
    public void Text_OfAnotherForm_IsRefused(string? text)
    {
        ByteSize.TryParse(text, out var size).ShouldBeFalse();
        size.ShouldBe(default);
    }

    [Theory]
    [InlineData("9223372036854775808")]
    [InlineData("9007199254740992Ki")]
    [InlineData("8388608Ti")]
    [InlineData("99999999999999999999Ti")]
    public void Text_OfMoreThanANumberHolds_IsRefusedAndDoesNotWrap(string text) => ByteSize.TryParse(text, out _).ShouldBeFalse();

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1 KiB")]
    [InlineData(1536, "1536 B")]
    [InlineData(1536L << 20, "1536 MiB")]
    [InlineData(2L << 30, "2 GiB")]
    [InlineData(16L << 40, "16 TiB")]
    public void Size_IsShownInTheLargestUnitThatHoldsItWhole(long bytes, string shown) => new ByteSize(bytes).ToString().ShouldBe(shown);

    [Theory]
    [InlineData("2147483648")]
    [InlineData("\"2147483648\"")]
    [InlineData("\"2Gi\"")]
    public void Json_OfANumberOrAString_IsRead(string json) => JsonSerializer.Deserialize<ByteSize>(json).Bytes.ShouldBe(2L << 30);

    [Theory]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("1e30")]
    [InlineData("\"much\"")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("{}")]
    public void Json_OfAnythingElse_IsRefusedWithWhatIsExpected(string json) =>
        Should.Throw<JsonException>(() => JsonSerializer.Deserialize<ByteSize>(json)).Message.ShouldContain(ByteSize.Form);

    [Fact]
    public void Json_IsWrittenAsANumber() => JsonSerializer.Serialize(new ByteSize(2L << 30)).ShouldBe("2147483648");
}
