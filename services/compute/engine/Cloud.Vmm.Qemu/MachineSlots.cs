using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>Where the devices of a machine sit on its PCI buses, and how much memory is beside them.</summary>
internal static class MachineSlots
{
    /// <summary>Whose place is the number of bytes that the board has of it; no device has this id.</summary>
    public const string Memory = "memory";

    private const char BusMark = '@';
    private const string Devices = "/machine/peripheral";
    private const int FunctionBits = 3;
    private const int DevicesMax = 64;

    /// <summary>
    /// By the devices' ids, as <c>slot.function</c>, with the root port below which a device sits as <c>slot.function@port</c>; devices of
    /// another kind of bus are left out. The board's bytes by <see cref="Memory"/>.
    /// </summary>
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

        if (await FindMemoryAsync(qmp, ct) is { } bytes)
        {
            slots[Memory] = bytes.ToString(CultureInfo.InvariantCulture);
        }

        return slots;
    }

    /// <summary>How much memory a machine had whose slots these are; null where they are of one that said nothing of it.</summary>
    public static long? MemoryOf(IReadOnlyDictionary<string, string>? slots) =>
        long.TryParse(slots?.GetValueOrDefault(Memory), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : null;

    /// <summary>The root port of a place; null for one on the board's own bus.</summary>
    public static string? BusOf(string slot) => slot.Contains(BusMark, StringComparison.Ordinal) ? slot.Split(BusMark)[1] : null;

    /// <summary>The place on its bus.</summary>
    public static string AddressOf(string slot) => slot.Split(BusMark)[0];

    private static async Task<string?> FindAsync(QmpClient qmp, string device, CancellationToken ct)
    {
        var place = await GetAsync(qmp, device, "addr", ct);
        if (place.ValueKind != JsonValueKind.Number || !place.TryGetInt32(out var number))
        {
            return null;
        }

        var slot = string.Create(CultureInfo.InvariantCulture, $"{number >> FunctionBits:x}.{number & ((1 << FunctionBits) - 1)}");

        // The path of the bus: below the port, where that is one of the machine's devices with a name.
        var bus = await GetAsync(qmp, device, "parent_bus", ct);
        return bus.ValueKind == JsonValueKind.String && bus.GetString()!.StartsWith($"{Devices}/", StringComparison.Ordinal)
            ? $"{slot}{BusMark}{bus.GetString()![(Devices.Length + 1)..].Split('/')[0]}"
            : slot;
    }

    /// <summary>Null where the simulator is asked: a board of its has what its spec says.</summary>
    private static async Task<long?> FindMemoryAsync(QmpClient qmp, CancellationToken ct)
    {
        try
        {
            var sizes = await qmp.ExecuteAsync("query-memory-size-summary", null, ct);
            return sizes.ValueKind == JsonValueKind.Object && sizes.TryGetProperty("base-memory", out var own)
                && own.ValueKind == JsonValueKind.Number && own.TryGetInt64(out var bytes) ? bytes : null;
        }
        catch (QmpException unknown) when (unknown.ErrorClass != QmpException.Lost)
        {
            return null;
        }
    }

    /// <summary>Nothing of a device that has no such property.</summary>
    private static async Task<JsonElement> GetAsync(QmpClient qmp, string device, string property, CancellationToken ct)
    {
        try
        {
            return await qmp.ExecuteAsync("qom-get", new JsonObject { ["path"] = $"{Devices}/{device}", ["property"] = property }, ct);
        }
        catch (QmpException other) when (other.ErrorClass != QmpException.Lost)
        {
            return default;
        }
    }
}
