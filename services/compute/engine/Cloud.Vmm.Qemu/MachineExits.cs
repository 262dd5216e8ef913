using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// Reads what is counted of a machine's exits: the statistics of its processors by KVM or the simulator (qapi/stats.json), or TCG's
/// of its translated code and
/// the interrupt controllers' of what they passed on, which are text for people (qapi/machine.json).
/// </summary>
internal static partial class MachineExits
{
    private const int ReasonsMax = 256;

    public static async Task<VmExits> ReadAsync(QmpClient qmp, VmEngine engine, CancellationToken ct) => engine switch
    {
        VmEngine.Hardware => new VmExits("kvm", await ReadStatisticsAsync(qmp, ct)),
        VmEngine.Simulation => new VmExits("simulator", await ReadStatisticsAsync(qmp, ct)),
        VmEngine.Emulation => new VmExits("tcg", await ReadTcgAsync(qmp, ct)),
        _ => throw new VmException("This machine's engine counts no exits."),
    };

    /// <summary>Summed over the processors; histograms are left out.</summary>
    private static async Task<IReadOnlyDictionary<string, long>> ReadStatisticsAsync(QmpClient qmp, CancellationToken ct)
    {
        var processors = await qmp.ExecuteAsync("query-stats", new JsonObject { ["target"] = "vcpu" }, ct);
        var reasons = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var processor in processors.ValueKind == JsonValueKind.Array ? processors.EnumerateArray() : default)
        {
            if (processor.ValueKind != JsonValueKind.Object || !processor.TryGetProperty("stats", out var stats)
                || stats.ValueKind != JsonValueKind.Array)
            {
                continue;
            }

            foreach (var one in stats.EnumerateArray().Take(ReasonsMax))
            {
                if (one.ValueKind == JsonValueKind.Object
                    && one.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String
                    && one.TryGetProperty("value", out var value) && value.ValueKind == JsonValueKind.Number
                    && value.TryGetInt64(out var count))
                {
                    reasons[name.GetString()!] = reasons.GetValueOrDefault(name.GetString()!) + count;
                }
            }
        }

        return reasons;
    }

    private static async Task<IReadOnlyDictionary<string, long>> ReadTcgAsync(QmpClient qmp, CancellationToken ct)
    {
        var reasons = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (Match line in TranslationLine().Matches(await ReadTextAsync(qmp, "x-query-jit", ct)))
        {
            reasons[line.Groups["name"].Value.ToLowerInvariant()] = Count(line);
        }

        foreach (Match controller in ControllerLines().Matches(await ReadTextAsync(qmp, "x-query-irq", ct)))
        {
            foreach (Match line in InterruptLine().Matches(controller.Groups["lines"].Value).Take(ReasonsMax))
            {
                reasons[$"interrupt {line.Groups["number"].Value} of {controller.Groups["name"].Value}"] = Count(line);
            }
        }

        return reasons;
    }

    private static long Count(Match line) =>
        long.TryParse(line.Groups["count"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : 0;

    private static async Task<string> ReadTextAsync(QmpClient qmp, string command, CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync(command, null, ct);
        return answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("human-readable-text", out var text)
            && text.ValueKind == JsonValueKind.String ? text.GetString()! : "";
    }

    [GeneratedRegex(
        @"^(?<name>TB count|TB flush count|TB invalidate count|TLB (full|partial|elided) flushes)\s+(?<count>[0-9]{1,18})",
        RegexOptions.Multiline)]
    private static partial Regex TranslationLine();

    [GeneratedRegex(
        @"^IRQ statistics for (?<name>[a-z0-9.-]{1,40}):\r?\n(?<lines>( *[0-9]+: [0-9]+\r?\n)*)", RegexOptions.Multiline)]
    private static partial Regex ControllerLines();

    [GeneratedRegex("(?<number>[0-9]{1,4}): (?<count>[0-9]{1,18})")]
    private static partial Regex InterruptLine();
}
