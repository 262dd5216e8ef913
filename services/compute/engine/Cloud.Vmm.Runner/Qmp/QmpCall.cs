using System.Text.Json.Nodes;
using Cloud.Vmm.Runner.Options;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner.Qmp;

/// <summary>A command that came.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="TakeFile">The open file that came along; null where none did.</param>
internal sealed record QmpCall(string Name, JsonObject Arguments, Func<SafeFileHandle?> TakeFile)
{
    /// <exception cref="OptionException">There is no such argument, or it is no text.</exception>
    internal string Text(string name) => Arguments[name] is JsonValue value && value.TryGetValue(out string? text)
        ? text
        : throw new OptionException($"Parameter '{name}' is missing");

    /// <exception cref="OptionException">There is no such argument, or it is no number.</exception>
    internal long Number(string name) => Arguments[name] is JsonValue value && value.TryGetValue(out long number)
        ? number
        : throw new OptionException($"Parameter '{name}' is missing");

    /// <summary>The objects of an argument that is a list of such.</summary>
    /// <exception cref="OptionException">It is none.</exception>
    internal IEnumerable<JsonObject> Objects(string name) =>
        (Arguments[name] as JsonArray ?? throw new OptionException($"Parameter '{name}' is missing"))
        .Select(item => item as JsonObject ?? throw new OptionException($"'{name}' holds objects."));

    /// <exception cref="OptionException">None came.</exception>
    internal SafeFileHandle File() => TakeFile() ?? throw new OptionException("No file descriptor supplied via SCM_RIGHTS");
}
