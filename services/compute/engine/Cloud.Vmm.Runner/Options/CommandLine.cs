using System.Globalization;

namespace Cloud.Vmm.Runner.Options;

/// <summary>
/// Reads the options of qemu-system-riscv64 that are known here. Pure: nothing is opened. An option that is not known is refused, so that
/// no guest
/// runs without something that it was meant to have.
/// </summary>
internal static class CommandLine
{
    private const string StdioChannel = "stdio";

    // Options whose meaning here is fixed: there is no display, no default device, one board.
    private static readonly HashSet<string> AcceptedFlags = ["-nodefaults", "-no-user-config"];
    private static readonly HashSet<string> AcceptedValues = ["-display", "-vga", "-msg", "-cpu", "-rtc"];

    /// <exception cref="OptionException">An option is not known, or its value makes no sense.</exception>
    internal static RunnerOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new RunnerOptions();
        for (int i = 0; i < arguments.Count; i++)
        {
            // QEMU takes both, -option and --option.
            string option = arguments[i].StartsWith("--", StringComparison.Ordinal) ? arguments[i][1..] : arguments[i];
            if (AcceptedFlags.Contains(option) || Flag(options, option))
            {
                continue;
            }

            if (i + 1 >= arguments.Count)
            {
                throw new OptionException($"'{option}' is not known, or lacks its value.");
            }

            string value = arguments[++i];
            try
            {
                if (!AcceptedValues.Contains(option) && !Value(options, option, value))
                {
                    throw new OptionException($"'{option}' is not known.");
                }
            }
            catch (OptionException refused) when (!refused.Message.StartsWith('\'' + option, StringComparison.Ordinal))
            {
                throw new OptionException($"'{option} {value}': {refused.Message}");
            }
        }

        return options;
    }

    private static bool Flag(RunnerOptions options, string option)
    {
        switch (option)
        {
            case "-S":
                options.StartStopped = true;
                return true;
            case "-s":
                options.Debugger = "tcp::1234";
                return true;
            case "-no-shutdown":
                options.PauseAtShutdown = true;
                return true;
            case "-no-reboot":
                options.ShutdownAtReset = true;
                return true;
            case "-nographic":
                options.Channels[StdioChannel] = Properties.Parse("stdio", "backend");
                options.Serial ??= StdioChannel;
                return true;
            default:
                return false;
        }
    }

    private static bool Value(RunnerOptions options, string option, string value)
    {
        switch (option)
        {
            case "-name":
                options.Name = Properties.Parse(value, "guest").Text("guest") ?? "";
                return true;
            case "-uuid":
                options.Uuid = value;
                return true;
            case "-machine" or "-M":
                Machine(options, value);
                return true;
            case "-accel":
                Accelerator(options, value);
                return true;
            case "-sandbox":
                options.Sandboxed = IsSandboxed(value);
                return true;
            case "-smp":
                options.Harts = Properties.Parse(value, "cpus").Number("cpus", 1);
                return true;
            case "-m":
                options.MemoryBytes = Size(Properties.Parse(value, "size").Required("size"));
                return true;
            case "-bios":
                options.Firmware = value == "none" ? null : value == "default" ? options.Firmware : value;
                return true;
            case "-kernel":
                options.Kernel = value;
                return true;
            case "-initrd":
                options.Initrd = value;
                return true;
            case "-append":
                options.CommandLine = value;
                return true;
            case "-runas":
                options.RunAs = User(value);
                return true;
            case "-gdb":
                options.Debugger = value;
                return true;
            case "-trace":
                options.Trace = Properties.Parse(value, "file");
                return true;
            case "-incoming":
                options.Incoming = value;
                return true;
            case "-action":
                Actions(options, Properties.Parse(value, ""));
                return true;
            default:
                return Part(options, option, value);
        }
    }

    private static bool Part(RunnerOptions options, string option, string value)
    {
        switch (option)
        {
            case "-chardev":
                Properties channel = Properties.Parse(value, "backend");
                Add(options.Channels, channel.Required("id"), channel);
                return true;
            case "-serial":
                options.Serial = Channel(options, value, "serial0");
                return true;
            case "-qmp":
                string? spoken = Channel(options, value, $"qmp{options.Monitors.Count}");
                options.Monitors.Add(spoken ?? throw new OptionException("A monitor needs a channel."));
                return true;
            case "-mon":
                Properties monitor = Properties.Parse(value, "chardev");
                if (monitor.Text("mode") != "control")
                {
                    throw new OptionException("Only mode=control, which is QMP, is spoken.");
                }

                options.Monitors.Add(monitor.Required("chardev"));
                return true;
            case "-add-fd":
                Properties descriptor = Properties.Parse(value, "fd");
                options.DescriptorSets.Add((descriptor.Number("set", -1), descriptor.Number("fd", -1), descriptor.Text("opaque") ?? ""));
                return true;
            case "-object":
                Properties made = Properties.Parse(value, "qom-type");
                Add(options.Objects, made.Required("id"), made);
                return true;
            case "-blockdev":
                options.Blocks.Add(Properties.Parse(value, "driver"));
                return true;
            case "-netdev":
                Properties network = Properties.Parse(value, "type");
                Add(options.Networks, network.Required("id"), network);
                return true;
            case "-device":
                options.Devices.Add(Properties.Parse(value, "driver"));
                return true;
            default:
                return false;
        }
    }

    /// <summary>The channel of an option that names one, or makes one in place; null for none.</summary>
    private static string? Channel(RunnerOptions options, string value, string id)
    {
        const string Named = "chardev:";
        if (value.StartsWith(Named, StringComparison.Ordinal))
        {
            return value[Named.Length..];
        }

        const string Unix = "unix:";
        Properties? made = value switch
        {
            "none" or "null" => null,
            "stdio" => Properties.Parse("stdio", "backend"),
            _ when value.StartsWith("file:", StringComparison.Ordinal) => Properties.Parse($"file,path={value[5..]}", "backend"),
            _ when value.StartsWith(Unix, StringComparison.Ordinal) => Properties.Parse($"socket,path={value[Unix.Length..]}", "backend"),
            _ => throw new OptionException($"'{value}' is no channel that is known."),
        };
        if (made is null)
        {
            return null;
        }

        Add(options.Channels, id, made);
        return id;
    }

    private static void Machine(RunnerOptions options, string value)
    {
        Properties machine = Properties.Parse(value, "type");
        if (machine.Text("type") != "virt")
        {
            throw new OptionException("The board is 'virt'.");
        }

        options.MemoryObject = machine.Text("memory-backend");
    }

    private static void Accelerator(RunnerOptions options, string value)
    {
        Properties accelerator = Properties.Parse(value, "accel");
        if (accelerator.Text("accel") is not ("tcg" or "sim"))
        {
            throw new OptionException("The guest is simulated: 'sim', or 'tcg' for the sake of QEMU's command lines.");
        }

        options.Deterministic = accelerator.Flag("deterministic");
        options.Translate = accelerator.Text("translate") is null ? options.Translate : accelerator.Flag("translate");
    }

    /// <summary>QEMU's "on" with what it denies, which is one filter here; "off" is for whoever debugs the simulator itself.</summary>
    private static bool IsSandboxed(string value) => Properties.Parse(value, "enable").Text("enable") switch
    {
        "on" => true,
        "off" => false,
        _ => throw new OptionException("It is 'on' or 'off'."),
    };

    /// <summary>QEMU's <c>UID:GID</c>, where both are one number.</summary>
    private static uint User(string value)
    {
        string[] ids = value.Split(':');
        return ids.Length == 2 && ids[0] == ids[1] && uint.TryParse(ids[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint id)
            && id != 0
            ? id
            : throw new OptionException($"'{value}' is not UID:GID of one number above 0.");
    }

    private static void Actions(RunnerOptions options, Properties actions)
    {
        options.PauseAtShutdown = actions.Text("shutdown") switch
        {
            "pause" => true,
            "poweroff" => false,
            null => options.PauseAtShutdown,
            var other => throw new OptionException($"shutdown={other} is not known."),
        };
        options.ShutdownAtReset = actions.Text("reboot") switch
        {
            "shutdown" => true,
            "reset" => false,
            null => options.ShutdownAtReset,
            var other => throw new OptionException($"reboot={other} is not known."),
        };
    }

    /// <summary>A size with QEMU's suffixes; without one mebibytes.</summary>
    private static ulong Size(string text)
    {
        int shift = text.Length == 0 ? 20 : char.ToUpperInvariant(text[^1]) switch
        {
            'B' => 0,
            'K' => 10,
            'M' => 20,
            'G' => 30,
            'T' => 40,
            _ => -1,
        };
        string digits = shift < 0 ? text : text[..^1];
        return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            && number > 0 && number <= ulong.MaxValue >> Math.Max(shift, 20)
            ? number << (shift < 0 ? 20 : shift)
            : throw new OptionException($"'{text}' is no size.");
    }

    private static void Add(Dictionary<string, Properties> parts, string id, Properties part)
    {
        if (!parts.TryAdd(id, part))
        {
            throw new OptionException($"There are two of '{id}'.");
        }
    }
}
