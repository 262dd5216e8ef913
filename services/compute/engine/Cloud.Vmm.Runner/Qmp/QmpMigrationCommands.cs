using System.Text.Json.Nodes;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner.Qmp;

/// <summary>Saving to a file or another process, and going on from there (qapi/migration.json).</summary>
internal sealed class QmpMigrationCommands(Migration migration)
{
    internal void AddTo(Dictionary<string, Func<QmpCall, JsonNode>> commands)
    {
        commands["migrate"] = call => QmpCommands.Done(() => migration.Begin(call.Text("uri")));
        commands["migrate-continue"] = _ => QmpCommands.Done(migration.GoOn);
        commands["migrate_cancel"] = _ => QmpCommands.Done(migration.Cancel);
        commands["migrate-incoming"] = call => QmpCommands.Done(() => migration.Receive(call.Text("uri")));
        commands["query-migrate"] = _ => migration.Status == "none" ? [] : new JsonObject { ["status"] = migration.Status };
        commands["migrate-set-capabilities"] = SetCapabilities;

        // How fast and how long are not asked for here: memory is copied as fast as it can be, and the last of it is small.
        commands["migrate-set-parameters"] = _ => new JsonObject();
    }

    private JsonObject SetCapabilities(QmpCall call)
    {
        foreach (JsonObject capability in call.Objects("capabilities"))
        {
            migration.SetCapability(
                capability["capability"]?.GetValue<string>() ?? throw new OptionException("Parameter 'capability' is missing"),
                capability["state"]?.GetValue<bool>() ?? throw new OptionException("Parameter 'state' is missing"));
        }

        return [];
    }
}
