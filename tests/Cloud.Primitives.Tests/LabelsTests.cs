using System.Text.Json;

namespace Cloud.Primitives.Tests;

public sealed class LabelsTests
{
    [Fact]
    public void Text_IsReadBackAsTheSameLabels()
    {
        var labels = Of(("env", "dev"), ("a.b/c:d_e", ""), ("equation", "a=b=c"), ("said", "é, \"quoted\" and spaced"));
        Labels.FromText(labels.Text).ShouldBe(labels);
        Labels.FromText(labels.Text).Text.ShouldBe(labels.Text);
    }

    [Fact]
    public void Text_OfNoLabels_IsEmpty()
    {
        Labels.None.Text.ShouldBe("");
        Labels.None.Count.ShouldBe(0);
        Labels.FromText("").ShouldBeEmpty();
    }

    // What a database's filter by label does: it looks for the whole line.
    [Fact]
    public void Text_HoldsTheLineOfEachLabelAndOfNoOther()
    {
        var text = Of(("env", "dev"), ("myenv", "development"), ("zone", "env=dev2")).Text;
        text.ShouldContain(Labels.Line("env", "dev"));
        text.ShouldContain(Labels.Line("myenv", "development"));
        text.ShouldContain(Labels.Line("zone", "env=dev2"));
        text.ShouldNotContain(Labels.Line("env", "development"));
        text.ShouldNotContain(Labels.Line("env", "dev2"));
        text.ShouldNotContain(Labels.Line("nv", "dev"));
    }

    [Fact]
    public void Order_IsThatOfTheKeys_WhateverTheyWereGivenIn()
    {
        var labels = Of(("b", "2"), ("C", "3"), ("a", "1"));
        labels.Select(label => label.Key).ShouldBe(["C", "a", "b"]);
        labels.Text.ShouldBe(Of(("a", "1"), ("b", "2"), ("C", "3")).Text);
    }

    [Fact]
    public void Json_IsAnObjectOfTheLabels()
    {
        var labels = Of(("env", "dev"), ("app", "a \"b\""));
        var json = JsonSerializer.Serialize(labels);
        using var document = JsonDocument.Parse(json);
        document.RootElement.EnumerateObject().Select(label => (label.Name, label.Value.GetString()))
            .ShouldBe([("app", "a \"b\""), ("env", "dev")]);
        JsonSerializer.Deserialize<Labels>(json).ShouldBe(labels);
        JsonSerializer.Serialize(Labels.None).ShouldBe("{}");
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("\"env\"")]
    [InlineData("{\"env\":1}")]
    [InlineData("{\"env\":{}}")]
    public void Json_OfAnythingElse_IsRefused(string json) => Should.Throw<JsonException>(() => JsonSerializer.Deserialize<Labels>(json));

    private static Labels Of(params (string Key, string Value)[] labels) =>
        new(labels.Select(label => new KeyValuePair<string, string>(label.Key, label.Value)));
}
