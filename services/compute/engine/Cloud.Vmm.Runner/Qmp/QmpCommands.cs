using System.Text.Json.Nodes;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner.Qmp;

/// <summary>The commands, by QEMU's names (qapi/).</summary>
internal sealed class QmpCommands
{
    private readonly Supervisor _supervisor;
    private readonly RunnerOptions _options;
    private readonly QmpEvents _events;
    private readonly Dictionary<string, Func<QmpCall, JsonNode>> _commands;

    internal QmpCommands(
        Supervisor supervisor, Migration migration, RunnerOptions options, HostDescriptors descriptors, QmpEvents events)
    {
        _supervisor = supervisor;
        _options = options;
        _events = events;
        _commands = new Dictionary<string, Func<QmpCall, JsonNode>>(StringComparer.Ordinal)
        {
            ["query-version"] = _ => Version(),
            ["query-commands"] = _ => new JsonArray([.. _commands!.Keys.Order().Select(name => new JsonObject { ["name"] = name })]),
            ["query-status"] = _ => Status(),
            ["query-name"] = _ => new JsonObject { ["name"] = _options.Name },
            ["query-uuid"] = _ => new JsonObject { ["UUID"] = _options.Uuid },
            ["query-cpus-fast"] = _ => Harts(),
            ["query-balloon"] = _ => Balloon(),
            ["balloon"] = SetBalloon,
            ["stop"] = _ => Done(_supervisor.Stop),
            ["cont"] = _ => Continue(),
            ["system_reset"] = _ => Done(_supervisor.Reset),
            ["system_powerdown"] = _ => Done(() => _events.Send("POWERDOWN", null)),
            ["quit"] = _ => Done(() => _supervisor.Quit("host-qmp-quit")),
        };
        new QmpDiskCommands(supervisor.Guest).AddTo(_commands);
        new QmpFileCommands(descriptors).AddTo(_commands);
        new QmpMigrationCommands(migration).AddTo(_commands);
        new QmpHartCommands(supervisor).AddTo(_commands);
        supervisor.Guest.Drives.Deleted = id => events.Send(
            "DEVICE_DELETED", new JsonObject { ["device"] = id, ["path"] = QmpDiskCommands.PathOf(id) });
    }

    internal static JsonObject Version() => new()
    {
        ["qemu"] = new JsonObject { ["major"] = 7, ["minor"] = 2, ["micro"] = 0 },
        ["package"] = "cloud-vmm",
    };

    internal static JsonObject Return(JsonNode value, JsonNode? id) => WithId(new JsonObject { ["return"] = value }, id);

    internal static JsonObject Error(string kind, string description, JsonNode? id) =>
        WithId(new JsonObject { ["error"] = new JsonObject { ["class"] = kind, ["desc"] = description } }, id);

    internal JsonObject Run(QmpCall call, JsonNode? id)
    {
        if (!_commands.TryGetValue(call.Name, out Func<QmpCall, JsonNode>? command))
        {
            return Error("CommandNotFound", $"The command {call.Name} has not been found", id);
        }

        try
        {
            return Return(command(call), id);
        }
        catch (Exception refused) when (refused is OptionException or IOException)
        {
            return Error("GenericError", refused.Message, id);
        }
    }

    private static JsonObject WithId(JsonObject message, JsonNode? id)
    {
        if (id is not null)
        {
            message["id"] = id;
        }

        return message;
    }

    internal static JsonObject Done(Action action)
    {
        action();
        return [];
    }

    private JsonObject Continue() => _supervisor.Continue() ? [] : throw new OptionException("Resetting the Virtual Machine is required");

    private JsonObject Status()
    {
        RunState state = _supervisor.State;
        return new JsonObject
        {
            ["status"] = state switch
            {
                RunState.Running => "running",
                RunState.Paused => "paused",
                RunState.Shutdown => "shutdown",
                RunState.InMigrate => "inmigrate",
                RunState.FinishMigrate => "finish-migrate",
                RunState.PostMigrate => "postmigrate",
                _ => "prelaunch",
            },
            ["singlestep"] = false,
            ["running"] = state == RunState.Running,
        };
    }

    private JsonArray Harts() => new([.. _supervisor.Guest.Machine.Harts.Select(hart => new JsonObject
    {
        ["cpu-index"] = hart.Id,
        ["qom-path"] = $"/machine/soc0/harts[{hart.Id}]",
        ["thread-id"] = Environment.ProcessId,
        ["target"] = "riscv64",
    })]);

    private JsonObject Balloon() => _supervisor.Guest.Balloon is { } balloon
        ? new JsonObject { ["actual"] = _options.MemoryBytes - Math.Min(balloon.ActualBytes, _options.MemoryBytes) }
        : throw new OptionException("No balloon device has been activated");

    private JsonObject SetBalloon(QmpCall call)
    {
        if (_supervisor.Guest.Balloon is not { } balloon)
        {
            throw new OptionException("No balloon device has been activated");
        }

        // The size that the guest shall have left.
        ulong left = call.Arguments["value"]?.GetValue<ulong>() ?? throw new OptionException("Parameter 'value' is missing");
        balloon.SetTarget(_options.MemoryBytes - Math.Min(left, _options.MemoryBytes));
        return [];
    }
}
