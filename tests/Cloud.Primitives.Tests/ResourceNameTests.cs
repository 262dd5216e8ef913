namespace Cloud.Primitives.Tests;

public sealed class ResourceNameTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("7")]
    [InlineData("web-1")]
    [InlineData("a--b")]
    [InlineData("0a9")]
    public void Name_OfTheForm_IsTaken(string name)
    {
        ResourceName.IsValid(name).ShouldBeTrue();
        ResourceName.Require(name, "name").ShouldBe(name);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("-a")]
    [InlineData("a-")]
    [InlineData("-")]
    [InlineData("A")]
    [InlineData("webA1")]
    [InlineData("Aweb")]
    [InlineData("webZ")]
    [InlineData("a b")]
    [InlineData("a.b")]
    [InlineData("a_b")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("a\n")]
    [InlineData("a\0b")]
    [InlineData("ä")]
    [InlineData("a٣b")]
    public void Name_OfAnotherForm_IsRefused(string? name)
    {
        ResourceName.IsValid(name).ShouldBeFalse();
        var refused = Should.Throw<CloudException>(() => ResourceName.Require(name, "name"));
        refused.Kind.ShouldBe(ErrorKind.Invalid);
        refused.Errors["name"].Single().ShouldContain(ResourceName.Form);
    }

    [Fact]
    public void Name_HasALongestLength()
    {
        ResourceName.IsValid(new string('a', ResourceName.LengthMax)).ShouldBeTrue();
        ResourceName.IsValid(new string('a', ResourceName.LengthMax + 1)).ShouldBeFalse();
    }

    [Theory]
    [InlineData("env", "dev")]
    [InlineData("cloud.example/Team_1:x", "any text = at all, ä")]
    [InlineData("e", "")]
    public void Label_OfTheForm_IsTaken(string key, string value) => Check(new() { [key] = value }).Any.ShouldBeFalse();

    [Theory]
    [InlineData("", "dev")]
    [InlineData("a b", "dev")]
    [InlineData("a=b", "dev")]
    [InlineData("a\nb", "dev")]
    [InlineData("ä", "dev")]
    [InlineData("env", "a\nb")]
    [InlineData("env", "a\0")]
    [InlineData("env", null)]
    public void Label_OfAnotherForm_IsRefused(string key, string? value) =>
        Check(new() { [key] = value! }).ToRefusal().Errors.Keys.ShouldBe(["labels"]);

    [Fact]
    public void Labels_AreBoundedInNumberAndLength()
    {
        Check(Many(ResourceName.LabelsMax)).Any.ShouldBeFalse();
        Check(Many(ResourceName.LabelsMax + 1)).Any.ShouldBeTrue();
        Check(new() { [new string('k', ResourceName.LabelKeyLengthMax)] = new string('v', ResourceName.LabelValueLengthMax) })
            .Any.ShouldBeFalse();
        Check(new() { [new string('k', ResourceName.LabelKeyLengthMax + 1)] = "v" }).Any.ShouldBeTrue();
        Check(new() { ["k"] = new string('v', ResourceName.LabelValueLengthMax + 1) }).Any.ShouldBeTrue();
    }

    [Fact]
    public void Labels_LeftOut_AreFine() => Check(null).Any.ShouldBeFalse();

    private static Dictionary<string, string> Many(int count) => Enumerable.Range(0, count).ToDictionary(at => $"key-{at}", at => $"{at}");

    private static FieldErrors Check(Dictionary<string, string>? labels)
    {
        var errors = new FieldErrors();
        ResourceName.CheckLabels(labels, errors);
        return errors;
    }
}
