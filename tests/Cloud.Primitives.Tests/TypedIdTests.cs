using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cloud.Primitives.Tests;

public sealed class TypedIdTests
{
    private const string Tail = "01kbv0m3q8w5x7n2c4d6e9f1gh";

    private static readonly DateTimeOffset Noon = new(2026, 5, 4, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void New_IsReadBackAsItself()
    {
        var id = TypedId.New<NoteId>(new StoppedClock(Noon));
        id.Value.ShouldMatch("^note-[0-9a-hjkmnp-tv-z]{26}$");
        TypedId.TryParse<NoteId>(id.Value, out var read).ShouldBeTrue();
        read.ShouldBe(id);
        id.ToString().ShouldBe(id.Value);
    }

    [Fact]
    public void New_AtOneMoment_IsNeverTheSameTwice()
    {
        var clock = new StoppedClock(Noon);
        Enumerable.Range(0, 10_000).Select(_ => TypedId.New<NoteId>(clock)).ToHashSet().Count.ShouldBe(10_000);
    }

    // The text's order is the time's: lists page by it.
    [Fact]
    public void New_Later_SortsAfter()
    {
        DateTimeOffset[] times =
        [
            DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddMilliseconds(1), Noon, Noon.AddMilliseconds(1), Noon.AddMilliseconds(31),
            Noon.AddMilliseconds(32), Noon.AddSeconds(1), Noon.AddYears(1), Noon.AddYears(1000),
        ];
        var ids = times.Select(at => TypedId.NewValue("note", at)).ToList();
        ids.ShouldBe(ids.Order(StringComparer.Ordinal), ignoreOrder: false);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("note")]
    [InlineData("note-")]
    [InlineData(Tail)]
    [InlineData("-" + Tail)]
    [InlineData("note_" + Tail)]
    [InlineData("note-" + Tail + "0")]
    [InlineData("note-01kbv0m3q8w5x7n2c4d6e9f1g")]
    [InlineData("note-01KBV0M3Q8W5X7N2C4D6E9F1GH")]
    [InlineData("NOTE-" + Tail)]
    [InlineData("note-01kbv0m3q8w5x7n2c4d6e9f1gi")]
    [InlineData("note-01kbv0m3q8w5x7n2c4d6e9f1gu")]
    [InlineData("note-../../../etc/passwd/000")]
    [InlineData("note-01kbv0m3q8w5x7n2c4d6e9f1g\n")]
    public void Text_OfAnotherForm_IsNoId(string? text)
    {
        TypedId.TryParse<NoteId>(text, out var id).ShouldBeFalse();
        id.ShouldBe(default);
    }

    [Fact]
    public void Text_OfAnotherKind_IsNoId()
    {
        TypedId.TryParse<NoteId>("book-" + Tail, out _).ShouldBeFalse();
        TypedId.TryParse<NoteId>("notes-" + Tail, out _).ShouldBeFalse();
        TypedId.TryParse<NoteId>("not-" + Tail, out _).ShouldBeFalse();
        TypedId.TryParse<BookId>("book-" + Tail, out var book).ShouldBeTrue();
        book.Value.ShouldBe("book-" + Tail);
    }

    [Fact]
    public void Json_IsThePlainText()
    {
        var id = TypedId.New<NoteId>(new StoppedClock(Noon));
        JsonSerializer.Serialize(id).ShouldBe($"\"{id.Value}\"");
        JsonSerializer.Deserialize<NoteId>($"\"{id.Value}\"").ShouldBe(id);
    }

    [Theory]
    [InlineData("\"book-" + Tail + "\"")]
    [InlineData("\"note-1\"")]
    [InlineData("\"\"")]
    [InlineData("null")]
    public void Json_OfAnotherKindOrForm_IsRefusedWithThePrefix(string json) =>
        Should.Throw<JsonException>(() => JsonSerializer.Deserialize<NoteId>(json)).Message.ShouldContain("'note-'");

    [JsonConverter(typeof(TypedIdJsonConverter<NoteId>))]
    private readonly record struct NoteId(string Value) : ITypedId<NoteId>
    {
        public static string Prefix => "note";

        public static NoteId FromValue(string value) => new(value);

        public override string ToString() => Value;
    }

    private readonly record struct BookId(string Value) : ITypedId<BookId>
    {
        public static string Prefix => "book";

        public static BookId FromValue(string value) => new(value);
    }

    private sealed class StoppedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
