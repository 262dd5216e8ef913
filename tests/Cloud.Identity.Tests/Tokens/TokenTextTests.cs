using Cloud.Identity.Tokens;
using Cloud.Primitives;

namespace Cloud.Identity.Tests.Tokens;

public sealed class TokenTextTests
{
    [Fact]
    public void New_IsReadBack()
    {
        var id = TypedId.New<TokenId>(TimeProvider.System);
        var text = TokenText.New(id);
        text.Length.ShouldBe(82);
        TokenText.TryReadId(text, out var read).ShouldBeTrue();
        read.ShouldBe(id);
        TokenText.New(id).ShouldNotBe(text);
    }

    [Fact]
    public void Read_WithAnyCharacterChanged_IsRefused()
    {
        var text = TokenText.New(TypedId.New<TokenId>(TimeProvider.System));
        for (var at = 0; at < text.Length; at++)
        {
            var wrong = text[..at] + (text[at] == 'b' ? 'c' : 'b') + text[(at + 1)..];
            TokenText.TryReadId(wrong, out _).ShouldBeFalse(wrong);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("cloud_")]
    [InlineData("eyJhbGciOiJub25lIn0.e30.")]
    public void Read_OfSomethingElse_IsRefused(string? text)
    {
        TokenText.HasForm(text).ShouldBeFalse();
        TokenText.TryReadId(text, out _).ShouldBeFalse();
    }
}
