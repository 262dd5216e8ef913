namespace Cloud.Primitives.Tests;

public sealed class FieldErrorsTests
{
    private readonly FieldErrors _errors = new();

    [Fact]
    public void Nothing_Wrong_ThrowsNothing()
    {
        _errors.Require(true, "name", "It is fine.");
        _errors.Any.ShouldBeFalse();
        Should.NotThrow(_errors.ThrowIfAny);
    }

    [Fact]
    public void All_ThatIsWrong_IsInOneRefusal()
    {
        _errors.Add("type", "There is no such type.");
        _errors.Require(false, "ports[0].guest", "Expected 1 to 65535.");
        _errors.Require(false, "ports[0].guest", "It is published twice.");
        var refused = Should.Throw<CloudException>(_errors.ThrowIfAny);
        refused.Kind.ShouldBe(ErrorKind.Invalid);
        refused.Code.ShouldBe("invalid-request");
        refused.Errors.Keys.ShouldBe(["ports[0].guest", "type"]);
        refused.Errors["ports[0].guest"].ShouldBe(["Expected 1 to 65535.", "It is published twice."]);
        refused.Errors["type"].ShouldBe(["There is no such type."]);
    }

    [Fact]
    public void Message_NamesTheFirstFieldAndWhatIsWrongWithIt()
    {
        _errors.Add("name", "It is too long.");
        _errors.Add("image", "There is none.");
        _errors.ToRefusal().Message.ShouldBe("image: There is none.");
    }
}
