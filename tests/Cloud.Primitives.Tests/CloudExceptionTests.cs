namespace Cloud.Primitives.Tests;

public sealed class CloudExceptionTests
{
    [Fact]
    public void Invalid_NamesTheField()
    {
        var refused = CloudException.Invalid("vcpus", "Expected 1 to 8.");
        refused.Kind.ShouldBe(ErrorKind.Invalid);
        refused.Code.ShouldBe("invalid-request");
        refused.Errors.Single().Key.ShouldBe("vcpus");
        refused.Errors["vcpus"].ShouldBe(["Expected 1 to 8."]);
    }

    [Fact]
    public void NotFound_SaysWhatIsNotThere()
    {
        var refused = CloudException.NotFound("note", "first");
        refused.Kind.ShouldBe(ErrorKind.NotFound);
        refused.Code.ShouldBe("not-found");
        refused.Message.ShouldBe("There is no note 'first'.");
    }

    [Fact]
    public void Conflict_HasTheCodeGiven()
    {
        var refused = CloudException.Conflict("name-taken", "There is already one.");
        refused.Kind.ShouldBe(ErrorKind.Conflict);
        refused.Code.ShouldBe("name-taken");
        refused.Message.ShouldBe("There is already one.");
    }

    [Fact]
    public void Refusal_KeepsItsCauseOutOfItsMessage()
    {
        var refused = new CloudException(ErrorKind.Unavailable, "no-room", "Try again later.", new IOException("/var/lib: disk full"));
        refused.Message.ShouldBe("Try again later.");
        refused.InnerException.ShouldBeOfType<IOException>();
        refused.Errors.ShouldBeEmpty();
        refused.Details.ShouldBeEmpty();
        refused.RetryAfter.ShouldBeNull();
    }
}
