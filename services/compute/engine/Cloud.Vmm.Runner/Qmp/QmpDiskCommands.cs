using System.Text.Json.Nodes;
using Cloud.Vmm.Runner.Disks;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner.Qmp;

/// <summary>Disks that come, go, grow and are laid over (qapi/block-core.json, qapi/qdev.json, qapi/qom.json).</summary>
internal sealed class QmpDiskCommands(GuestMachine guest)
{
    private const string Peripheral = "/machine/peripheral";
    private const string Objects = "/objects";
    private const int FunctionBits = 3;

    internal void AddTo(Dictionary<string, Func<QmpCall, JsonNode>> commands)
    {
        commands["query-blockstats"] = _ => InTurn(Stats);
        commands["query-named-block-nodes"] = _ => InTurn(
            () => new JsonArray([.. guest.Nodes.Names.Select(name => new JsonObject { ["node-name"] = name })]));
        commands["blockdev-add"] = call => Do(() => guest.Nodes.Add(Properties.Of(call.Arguments)));
        commands["blockdev-del"] = call => Do(() => guest.Nodes.Delete(call.Text("node-name"), guest.Drives.Uses(call.Text("node-name"))));
        commands["block_resize"] = call => Do(() => guest.Drives.Resize(call.Text("node-name"), call.Number("size")));
        commands["transaction"] = call => Do(() => guest.Drives.LayOver([.. call.Objects("actions").Select(LayOver)]));
        commands["device_add"] = call => Do(() => Plug(Properties.Of(call.Arguments)));
        commands["device_del"] = call => Do(() => guest.Drives.Unplug(call.Text("id")));
        commands["object-add"] = call => Do(() => AddObject(Properties.Of(call.Arguments)));
        commands["object-del"] = call => Do(() => guest.Nodes.DeleteLimits(call.Text("id")));
        commands["qom-list"] = List;
        commands["qom-get"] = Get;
    }

    /// <summary>A device's path among all objects.</summary>
    internal static string PathOf(string id) => $"{Peripheral}/{id}";

    private JsonArray Stats() => new([.. guest.Drives.Loaded.Select(drive => new JsonObject
    {
        ["device"] = "",
        ["qdev"] = $"{PathOf(drive.Id)}/virtio-backend",
        ["node-name"] = drive.Node,
        ["stats"] = new JsonObject
        {
            ["rd_bytes"] = drive.Block.Counters.ReadBytes,
            ["rd_operations"] = drive.Block.Counters.ReadOperations,
            ["wr_bytes"] = drive.Block.Counters.WrittenBytes,
            ["wr_operations"] = drive.Block.Counters.WriteOperations,
            ["flush_operations"] = drive.Block.Counters.FlushOperations,
            ["failed_rd_operations"] = drive.Block.Counters.FailedOperations,
        },
        ["backing"] = Below(guest.Nodes.FindDisk(drive.Node!)),
    })]);

    /// <summary>What a node is over, down to the last.</summary>
    private static JsonObject? Below(BlockNode node) => node.Below is { } below
        ? new JsonObject { ["node-name"] = below.Name, ["backing"] = Below(below) }
        : null;

    private void Plug(Properties device)
    {
        if (device.Required("driver") != "virtio-blk-device")
        {
            throw new OptionException("Disks alone come and go while the machine runs: virtio-blk-device.");
        }

        guest.Drives.Plug(device);
    }

    private void AddObject(Properties made)
    {
        if (made.Required("qom-type") != "throttle-group")
        {
            throw new OptionException("Limits alone come and go while the machine runs: throttle-group.");
        }

        guest.Nodes.AddLimits(made);
    }

    private static (string Node, string Overlay) LayOver(JsonObject action)
    {
        if (action["type"]?.GetValue<string>() != "blockdev-snapshot" || action["data"] is not JsonObject data)
        {
            throw new OptionException("Of a transaction's actions blockdev-snapshot is known.");
        }

        return (
            data["node"]?.GetValue<string>() ?? throw new OptionException("Parameter 'node' is missing"),
            data["overlay"]?.GetValue<string>() ?? throw new OptionException("Parameter 'overlay' is missing"));
    }

    /// <summary>The limits; or the devices of the line, without drives whose disk has gone, and the disks that came since.</summary>
    private JsonArray List(QmpCall call) => call.Text("path") switch
    {
        Peripheral => new JsonArray([.. Places().Keys.Select(id => new JsonObject { ["name"] = id, ["type"] = "child<device>" })]),
        Objects => new JsonArray(
            [.. guest.Nodes.Limits.Select(id => new JsonObject { ["name"] = id, ["type"] = "child<throttle-group>" })]),
        var path => throw new OptionException($"There is no object '{path}' that can be listed."),
    };

    /// <summary>A device's place, as QEMU writes one of PCI: the slot above three bits of function.</summary>
    private JsonValue Get(QmpCall call) =>
        call.Text("property") == "addr" && call.Text("path") is var path && path.StartsWith(Peripheral + "/", StringComparison.Ordinal)
        && Places().TryGetValue(path[(Peripheral.Length + 1)..], out int place)
            ? JsonValue.Create(place << FunctionBits)
            : throw new OptionException("There is no such property that can be read.");

    private Dictionary<string, int> Places()
    {
        IReadOnlyList<Drive> loaded = guest.Drives.Loaded;
        var places = guest.Places.Where(device => !guest.Drives.Has(device.Value)).ToDictionary(StringComparer.Ordinal);
        foreach (Drive drive in loaded)
        {
            places[drive.Id] = drive.Place;
        }

        return places;
    }

    private JsonObject Do(Action command) => InTurn(() => QmpCommands.Done(command));

    private T InTurn<T>(Func<T> command) => guest.Drives.InTurn(command);
}
