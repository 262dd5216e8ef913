using System.Text.Json;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Backup.Plans;

/// <summary>
/// Whether each recovery point is restored to something that is thrown away, and tried: <c>true</c>, <c>false</c>, or
/// <c>{"command": ["/usr/bin/check", "--all"]}</c>.
/// </summary>
/// <param name="Command">What is run in an instance that was booted of a point, and must end with exit code 0; null for nothing.</param>
[JsonConverter(typeof(PlanVerifyConverter))]
public sealed record PlanVerify(bool Enabled, IReadOnlyList<string>? Command = null)
{
    private const int ArgumentsMax = 256;
    private const int ArgumentLengthMax = 32 << 10;

    internal static PlanVerify Default { get; } = new(true);

    internal void Check(FieldErrors errors) => errors.Require(
        Command is null || (Command.Count is >= 1 and <= ArgumentsMax && Command.All(IsArgument)), "verify.command",
        $"Expected 1 to {ArgumentsMax} strings with no NUL, the program first.");

    private static bool IsArgument(string? text) =>
        text is { Length: <= ArgumentLengthMax } && !text.Contains('\0', StringComparison.Ordinal);
}

internal sealed class PlanVerifyConverter : JsonConverter<PlanVerify>
{
    public override PlanVerify Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType is JsonTokenType.True or JsonTokenType.False
            ? new PlanVerify(reader.GetBoolean())
            : new PlanVerify(true, JsonSerializer.Deserialize<Members>(ref reader, options)!.Command);

    public override void Write(Utf8JsonWriter writer, PlanVerify value, JsonSerializerOptions options)
    {
        if (value.Command is { } command)
        {
            JsonSerializer.Serialize(writer, new Members(command), options);
        }
        else
        {
            writer.WriteBooleanValue(value.Enabled);
        }
    }

    private sealed record Members([property: JsonRequired] IReadOnlyList<string> Command);
}
