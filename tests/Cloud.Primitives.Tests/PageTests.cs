using System.Text.Json;

namespace Cloud.Primitives.Tests;

public sealed class PageTests
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    [Fact]
    public void Json_HoldsTheItemsInOrderAndWhereTheNextPageStarts() =>
        JsonSerializer.Serialize(new Page<string>(["b", "a"], "next"), Web).ShouldBe("""{"items":["b","a"],"nextCursor":"next"}""");

    [Fact]
    public void Json_OfTheLastPage_SaysSo() =>
        JsonSerializer.Serialize(new Page<int>([], null), Web).ShouldBe("""{"items":[],"nextCursor":null}""");

    [Fact]
    public void Json_IsReadBack()
    {
        var page = JsonSerializer.Deserialize<Page<int>>("""{"items":[3,1],"nextCursor":"c"}""", Web)!;
        page.Items.ShouldBe([3, 1]);
        page.NextCursor.ShouldBe("c");
    }
}
