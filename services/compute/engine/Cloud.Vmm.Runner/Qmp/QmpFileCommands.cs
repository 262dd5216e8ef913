using System.Text.Json.Nodes;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner.Qmp;

/// <summary>Open files that a client gives the process (qapi/misc.json, qapi/misc-target.json).</summary>
internal sealed class QmpFileCommands(HostDescriptors descriptors)
{
    internal void AddTo(Dictionary<string, Func<QmpCall, JsonNode>> commands)
    {
        commands["getfd"] = call => QmpCommands.Done(() => descriptors.Name(call.Text("fdname"), call.File()));
        commands["add-fd"] = Add;
        commands["remove-fd"] = call => QmpCommands.Done(() => descriptors.Remove(Set(call.Number("fdset-id"))));
        commands["query-fdsets"] = _ => Query();
    }

    private JsonObject Add(QmpCall call) => new()
    {
        ["fdset-id"] = descriptors.Add(call.File(), call.Arguments["opaque"]?.GetValue<string>() ?? ""),
        ["fd"] = 0,
    };

    private JsonArray Query() => new([.. descriptors.Sets.Select(set => new JsonObject
    {
        ["fdset-id"] = set.Set,
        ["fds"] = new JsonArray(new JsonObject { ["fd"] = set.Set, ["opaque"] = set.Opaque }),
    })]);

    private static int Set(long number) =>
        number is >= 0 and <= int.MaxValue ? (int)number : throw new OptionException($"There is no descriptor set {number}.");
}
