using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>Reads what the simulator shows of its harts.</summary>
internal static class MachineHarts
{
    public static async Task<IReadOnlyList<VmHart>> ReadAsync(QmpClient qmp, ulong? address, CancellationToken ct)
    {
        var arguments = address is { } at
            ? new JsonObject { ["address"] = string.Create(CultureInfo.InvariantCulture, $"0x{at:x}") }
            : null;
        var answer = await qmp.ExecuteAsync("x-query-harts", arguments, ct);
        try
        {
            return answer.Deserialize(MachineHartsJson.Default.IReadOnlyListVmHart)
                ?? throw new QmpException(QmpException.Lost, "The harts were not told.");
        }
        catch (JsonException strange)
        {
            throw new QmpException(QmpException.Lost, $"The harts were not told: {strange.Message}");
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(IReadOnlyList<VmHart>))]
internal sealed partial class MachineHartsJson : JsonSerializerContext;
