using System.Text.Json;

namespace Cloud.Vmm.Qemu.Qmp;

/// <summary>Something that QEMU told unasked.</summary>
/// <param name="Name">One of <see cref="QmpEvents"/>, or another.</param>
/// <param name="Data">Its members; undefined for an event without any.</param>
internal sealed record QmpEvent(string Name, JsonElement Data)
{
    /// <summary>A text member, or null.</summary>
    public string? Text(string member) =>
        Data.ValueKind == JsonValueKind.Object && Data.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
