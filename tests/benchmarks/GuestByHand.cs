using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Cloud.Benchmarks;

/// <summary>
/// QEMU started by hand as the cloud has started it: with the command line of an instance's process, on the same files, opened by their
/// names, and with the same limits of memory and processor time. What that process talks through is here in a folder of its own.
/// </summary>
internal sealed partial class GuestByHand
{
    private const int AgentLookMilliseconds = 500;

    /// <summary>What a cgroup limits, of both versions, and in an order in which it may be written.</summary>
    private static readonly string[] Limits =
        ["memory.limit_in_bytes", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.shares", "memory.max", "cpu.max", "cpu.weight"];

    private readonly string _folder;
    private readonly List<string> _arguments;
    private readonly List<(string Folder, List<(string File, string Value)> Values)> _cgroups;

    private GuestByHand(string folder, List<string> arguments, List<(string, List<(string, string)>)> cgroups) =>
        (_folder, _arguments, _cgroups) = (folder, arguments, cgroups);

    /// <summary>Notes how the instance's process was started. It may be stopped then, and has to be before this one runs.</summary>
    /// <param name="volumes">The files of its volumes, by their serial numbers; each volume is of one.</param>
    public static GuestByHand As(CloudUnderMeasure cloud, string instance, IReadOnlyDictionary<string, string> volumes, string folder)
    {
        var guest = Path.Combine(cloud.Data, "host", "guests", instance);
        using var state = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(guest, "machine.json")));
        using var spec = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(guest, "guest.json")));
        var image = spec.RootElement.GetProperty("Image");
        var files = volumes.ToDictionary(one => one.Key, one => new Queue<string>([one.Value]));
        files["seed"] = new Queue<string>([Path.Combine(guest, "seed.iso")]);

        // What lies below is named first.
        var below = Path.Combine(image.GetProperty("Folder").GetString()!, image.GetProperty("Disk").GetString()!);
        files["root"] = new Queue<string>([below, Path.Combine(guest, "root.qcow2")]);
        var process = state.RootElement.GetProperty("ProcessId").GetInt32();
        var line = File.ReadAllText($"/proc/{process}/cmdline").TrimEnd('\0').Split('\0');
        var arguments = new List<string>();
        for (var at = 1; at < line.Length; at++)
        {
            switch (line[at])
            {
                case "-S":
                    break;
                case "-add-fd":
                    at++;
                    break;
                case "-blockdev":
                    arguments.AddRange([line[at], WithFile(line[++at], files)]);
                    break;
                case "-chardev":
                    arguments.AddRange([line[at], InFolder(line[++at], folder)]);
                    break;
                case "-netdev":
                    arguments.AddRange([line[at], Descriptor().Replace(line[++at], _ => folder)]);
                    break;
                default:
                    arguments.Add(Descriptor().Replace(line[at], number => TargetOf(process, number.Groups[1].Value)));
                    break;
            }
        }

        var cgroups = state.RootElement.GetProperty("Cgroups").EnumerateArray().Select(one => one.GetString()!).Select(one => (
            Path.Combine(Path.GetDirectoryName(one)!, $"by-hand-{Environment.ProcessId}"),
            Limits.Where(file => File.Exists(Path.Combine(one, file)))
                .Select(file => (file, File.ReadAllText(Path.Combine(one, file)))).ToList())).ToList();
        return new GuestByHand(folder, arguments, cgroups);
    }

    /// <summary>Boots it, has its agent run a script, and ends it.</summary>
    public async Task<string> RunAsync(string script, TimeSpan limit)
    {
        foreach (var file in Directory.EnumerateFiles(_folder, "*.end"))
        {
            File.Delete(file);
        }

        foreach (var (cgroup, values) in _cgroups)
        {
            Directory.CreateDirectory(cgroup);
            values.ForEach(one => File.WriteAllText(Path.Combine(cgroup, one.File), one.Value));
        }

        var join = string.Concat(_cgroups.Select(cgroup => $"echo $$ > {cgroup.Folder}/cgroup.procs; "));
        using var qemu = Process.Start("/bin/sh", ["-c", $"{join}exec qemu-system-x86_64 \"$@\"", "qemu", .. _arguments]);
        try
        {
            using var end = new CancellationTokenSource(limit);
            return await AskAsync(script, end.Token);
        }
        finally
        {
            qemu.Kill();
            await qemu.WaitForExitAsync();
            _cgroups.ForEach(cgroup => Directory.Delete(cgroup.Folder));
        }
    }

    /// <summary>By QEMU's guest agent protocol (qga/qapi-schema.json).</summary>
    private async Task<string> AskAsync(string script, CancellationToken ct)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var agent = new UnixDomainSocketEndPoint(Path.Combine(_folder, "agent.end"));
        while (!socket.Connected)
        {
            try
            {
                await socket.ConnectAsync(agent, ct);
            }
            catch (SocketException)
            {
                // QEMU is not so far yet.
                await Task.Delay(AgentLookMilliseconds, ct);
            }
        }

        await using var stream = new NetworkStream(socket);
        using var lines = new StreamReader(stream);
        var next = lines.ReadLineAsync(ct).AsTask();
        do
        {
            // Said in vain until the guest listens.
            await SayAsync(stream, "guest-sync", new JsonObject { ["id"] = 1 }, ct);
        }
        while (await Task.WhenAny(next, Task.Delay(AgentLookMilliseconds, ct)) != next);

        await next;
        await SayAsync(
            stream, "guest-exec",
            new JsonObject { ["path"] = "/bin/sh", ["arg"] = new JsonArray("-c", script), ["capture-output"] = true }, ct);
        var program = await AnswerAsync(lines, answer => answer.TryGetProperty("pid", out _), ct);
        while (true)
        {
            await SayAsync(stream, "guest-exec-status", new JsonObject { ["pid"] = program.GetProperty("pid").GetInt32() }, ct);
            var status = await AnswerAsync(lines, answer => answer.TryGetProperty("exited", out _), ct);
            if (status.GetProperty("exited").GetBoolean())
            {
                return status.GetProperty("exitcode").GetInt32() == 0
                    ? Encoding.UTF8.GetString(status.GetProperty("out-data").GetBytesFromBase64())
                    : throw new InvalidOperationException($"The guest started by hand said: {status}");
            }

            await Task.Delay(AgentLookMilliseconds, ct);
        }
    }

    private static async Task SayAsync(NetworkStream stream, string command, JsonObject arguments, CancellationToken ct)
    {
        var line = new JsonObject { ["execute"] = command, ["arguments"] = arguments }.ToJsonString();
        await stream.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), ct);
    }

    /// <summary>The next answer of this kind; those before answer what was said to get in step.</summary>
    private static async Task<JsonElement> AnswerAsync(StreamReader lines, Func<JsonElement, bool> isIt, CancellationToken ct)
    {
        while (true)
        {
            var line = await lines.ReadLineAsync(ct) ?? throw new InvalidOperationException("The guest started by hand is gone.");
            var answer = JsonDocument.Parse(line).RootElement.GetProperty("return");
            if (answer.ValueKind == JsonValueKind.Object && isIt(answer))
            {
                return answer;
            }
        }
    }

    /// <summary>A node of a disk's file, by the file's name and not by a descriptor; others as they are.</summary>
    private static string WithFile(string node, Dictionary<string, Queue<string>> files)
    {
        var json = JsonNode.Parse(node)!.AsObject();
        if ((string?)json["driver"] == "file")
        {
            json["filename"] = files[SerialOfNode().Match(json["node-name"]!.GetValue<string>()).Groups[1].Value].Dequeue();
        }

        return json.ToJsonString();
    }

    /// <summary>A channel with its end, and what it writes to, in the folder.</summary>
    private static string InFolder(string channel, string folder)
    {
        var id = ChannelId().Match(channel).Groups[1].Value;
        var named = SocketDescriptor().Replace(channel, $"path={Path.Combine(folder, id)}.end");
        return Descriptor().Replace(named, $"{Path.Combine(folder, id)}.log");
    }

    private static string TargetOf(int process, string descriptor) =>
        new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/fd/{descriptor}")).LinkTarget!;

    [GeneratedRegex("(?:/dev/fdset/|/proc/self/fd/)([0-9]+)")]
    private static partial Regex Descriptor();

    [GeneratedRegex("(?<=,)fd=[0-9]+")]
    private static partial Regex SocketDescriptor();

    /// <summary>Of a disk, or the seed, which is no disk.</summary>
    [GeneratedRegex("^f-(.+?)(?:-[^-]{8})?$")]
    private static partial Regex SerialOfNode();

    [GeneratedRegex("id=([a-z]+)")]
    private static partial Regex ChannelId();
}
