using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Gateway.Tests.Sample;

[JsonConverter(typeof(TypedIdJsonConverter<NoteId>))]
public readonly record struct NoteId(string Value) : ITypedId<NoteId>
{
    public static string Prefix => "note";

    public static NoteId FromValue(string value) => new(value);

    public static bool TryParse([NotNullWhen(true)] string? text, out NoteId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}

public enum NoteMood
{
    Calm = 1,
    VeryLoud = 2,
}

/// <summary>The sample service's resource.</summary>
public sealed class Note : IVersioned
{
    public NoteId Id { get; init; }

    public string Project { get; init; } = "";

    public string Name { get; set; } = "";

    public string? Text { get; set; }

    public string LabelText { get; set; } = "";

    public NoteMood Mood { get; set; } = NoteMood.Calm;

    public int Starts { get; set; }

    public bool Deleted { get; set; }

    public long Version { get; set; }
}

/// <summary>As the API shows it.</summary>
public sealed record NoteView(NoteId Id, string Name, string? Text, Labels Labels, NoteMood Mood, int Starts)
{
    public static NoteView From(Note note) => new(note.Id, note.Name, note.Text, Labels.FromText(note.LabelText), note.Mood, note.Starts);
}

/// <summary>The body of a create, with a field of every kind.</summary>
public sealed record CreateNoteRequest
{
    public required string Name { get; init; }

    public string? Text { get; init; }

    public NoteMood Mood { get; init; } = NoteMood.Calm;

    public ByteSize? Size { get; init; }

    public int Count { get; init; }

    public long? Big { get; init; }

    public double? Share { get; init; }

    public bool Flag { get; init; }

    public DateTimeOffset? At { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    public IReadOnlyList<NotePort>? Ports { get; init; }

    public NoteId? Parent { get; init; }
}

/// <summary>A part of the body.</summary>
public sealed record NotePort
{
    public required int Guest { get; init; }

    public string? Name { get; init; }
}

/// <summary>What can be changed.</summary>
public sealed record NoteFields
{
    public string? Name { get; init; }

    public string? Text { get; init; }

    public IReadOnlyDictionary<string, string?>? Labels { get; init; }
}
