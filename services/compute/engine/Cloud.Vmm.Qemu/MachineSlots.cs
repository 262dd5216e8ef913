using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>Where the devices of a machine sit on its PCI bus.</summary>
internal static class MachineSlots
{
    private const string Devices = "/machine/peripheral";
    private const int FunctionBits = 3;
    private const int DevicesMax = 64;

    /// <summary>By the devices' ids, as <c>slot.function</c>; devices of another bus are left out.</summary>
    public static async Task<IReadOnlyDictionary<string, string>> ReadAsync(QmpClient qmp, CancellationToken ct)
    {
        var listed = await qmp.ExecuteAsync("qom-list", new JsonObject { ["path"] = Devices }, ct);
        var slots = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var device in (listed.ValueKind == JsonValueKind.Array ? listed.EnumerateArray() : default).Take(DevicesMax))
        {
            if (device.ValueKind == JsonValueKind.Object && device.TryGetProperty("name", out var name)
                && name.ValueKind == JsonValueKind.String && await FindAsync(qmp, name.GetString()!, ct) is { } slot)
            {
                slots[name.GetString()!] = slot;
            }
        }

        return slots;
    }

    private static async Task<string?> FindAsync(QmpClient qmp, string device, CancellationToken ct)
    {
        try
        {
            var place = await qmp.ExecuteAsync("qom-get", new JsonObject { ["path"] = $"{Devices}/{device}", ["property"] = "addr" }, ct);
            return place.ValueKind == JsonValueKind.Number && place.TryGetInt32(out var number)
                ? string.Create(CultureInfo.InvariantCulture, $"{number >> FunctionBits:x}.{number & ((1 << FunctionBits) - 1)}")
                : null;
        }
        catch (QmpException other) when (other.ErrorClass != QmpException.Lost)
        {
            return null;
        }
    }
}
