using System.Collections.Concurrent;
using System.Diagnostics;
using System.Formats.Tar;
using System.Text.Json.Nodes;
using Cloud.Compute.Contracts;

namespace Cloud.Database.Tests.Kit;

/// <summary>Containers of services by runc alone: real ones of the real image, with no compute service around them.</summary>
internal sealed class RuncInstances(string folder, LoopVolumes volumes) : IInstances, IAsyncDisposable
{
    /// <summary>Gives its first descriptor past the standard ones, a socket that listens, to the program that it becomes.</summary>
    private const string WithListener =
        "$^F = 255; $port = shift; socket(S, PF_INET, SOCK_STREAM, 0) and setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1)"
        + " and bind(S, sockaddr_in($port, INADDR_LOOPBACK)) and listen(S, 64) or die $!; POSIX::dup2(fileno(S), 3); exec @ARGV";

    private readonly ConcurrentDictionary<string, Container> _containers = new();
    private readonly ConcurrentDictionary<string, int> _commands = new();
    private readonly Lock _turn = new();

    /// <summary>Why there are none of an image, to be told.</summary>
    public ConcurrentDictionary<string, string> Refusals { get; } = new();

    /// <summary>Why there are none of an image where a volume lies already, to be told.</summary>
    public ConcurrentDictionary<string, string> RefusalsOfHost { get; } = new();

    /// <summary>Ends a container at once, as the kernel would.</summary>
    public async Task KillAsync(string name)
    {
        await RunAsync("runc", ["kill", IdOf(name), "KILL"]);
        await _containers[name].Process!.WaitForExitAsync();
    }

    /// <summary>The limit of memory, in bytes, that the kernel holds a container to.</summary>
    public long MemoryLimitOf(string name) => _containers[name].Spec.MemoryBytes;

    /// <summary>How many programs were run in a container.</summary>
    public int CommandsIn(string name) => _commands.GetValueOrDefault(name);

    public IEnumerable<string> Names => _containers.Keys;

    public Task<string?> RefusalOfContainerAsync(
        string image, int vcpus, long memoryBytes, string? volumeHost, CancellationToken ct) =>
        Task.FromResult(
            Refusals.GetValueOrDefault(image)
            ?? (FindImage(image) is null ? "there is no image of it here." : null)
            ?? (volumeHost is null ? null : RefusalsOfHost.GetValueOrDefault(image)));

    public Task<InstanceState?> FindAsync(string project, string instance, CancellationToken ct) =>
        Task.FromResult(_containers.TryGetValue(instance, out var found) ? StateOf(found) : null);

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>(
            _containers.Values.Where(one => labels.All(one.Spec.Labels.Contains)).Select(one => one.Spec.Name).ToList());

    public async Task<InstanceState> CreateServiceAsync(NewServiceInstance instance, CancellationToken ct)
    {
        var container = _containers.GetOrAdd(instance.Name, new Container(instance));
        await StartAsync(container);
        return StateOf(container);
    }

    public async Task<InstanceState> StartAsync(string project, string instance, CancellationToken ct)
    {
        await StartAsync(_containers[instance]);
        return StateOf(_containers[instance]);
    }

    public async Task<InstanceState> StopAsync(string project, string instance, CancellationToken ct)
    {
        var container = _containers[instance];
        if (container.Runs)
        {
            await RunAsync("runc", ["kill", IdOf(instance), "TERM"]);
            await container.Process!.WaitForExitAsync(ct);
        }

        return StateOf(container);
    }

    public async Task<bool> DeleteAsync(string project, string instance, CancellationToken ct)
    {
        if (_containers.TryRemove(instance, out var container) && container.Runs)
        {
            await RunAsync("runc", ["kill", IdOf(instance), "KILL"]);
            await container.Process!.WaitForExitAsync(ct);
        }

        return true;
    }

    public async Task<InstanceState> ResizeAsync(string project, string instance, int vcpus, long memoryBytes, CancellationToken ct)
    {
        var container = _containers[instance];
        container.Spec = container.Spec with { Vcpus = vcpus, MemoryBytes = memoryBytes };
        if (container.Runs)
        {
            await RunAsync("runc", ["update", "--memory", $"{memoryBytes}", "--memory-swap", $"{memoryBytes}", IdOf(instance)]);
        }

        return StateOf(container);
    }

    public async Task<ContainerCommandEnd> RunAsync(
        string project, string instance, ContainerCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output,
        CancellationToken ct)
    {
        _commands.AddOrUpdate(instance, 1, (_, count) => count + 1);
        using var process = Start("runc", ["exec", IdOf(instance), .. command.Command]);
        var errors = process.StandardError.ReadToEndAsync(ct);
        try
        {
            var reads = output is null ? process.StandardOutput.ReadToEndAsync(ct) : output(process.StandardOutput.BaseStream, ct);
            await FeedAsync(process, input ?? Stream.Null, ct);
            await reads;
            await process.WaitForExitAsync(ct);
            return new ContainerCommandEnd(process.ExitCode, await errors);
        }
        catch
        {
            process.Kill();
            throw;
        }
    }

    public Task<InstanceState> CreateAsync(string project, NewInstanceCopy copy, CancellationToken ct) => throw new NotSupportedException();

    public Task ReplaceRootAsync(string project, string instance, string snapshot, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<int> ExecAsync(string project, string instance, IReadOnlyList<string> command, CancellationToken ct) =>
        throw new NotSupportedException();

    public async ValueTask DisposeAsync()
    {
        foreach (var name in _containers.Keys)
        {
            await DeleteAsync("", name, CancellationToken.None);
        }
    }

    /// <summary>What it does not read, nobody reads.</summary>
    private static async Task FeedAsync(Process process, Stream input, CancellationToken ct)
    {
        try
        {
            await using var pipe = process.StandardInput.BaseStream;
            await input.CopyToAsync(pipe, ct);
        }
        catch (IOException)
        {
            // It has ended already.
        }
    }

    private async Task StartAsync(Container container)
    {
        if (container.Runs)
        {
            return;
        }

        var spec = container.Spec;
        var bundle = Directory.CreateDirectory(Path.Combine(folder, spec.Name)).FullName;
        await RunAsync("runc", ["delete", "--force", IdOf(spec.Name)]);
        File.Delete(Path.Combine(bundle, "config.json"));
        await RunAsync("runc", ["spec", "--bundle", bundle]);
        Describe(spec, Path.Combine(bundle, "config.json"));
        string[] command = ["runc", "run", "--bundle", bundle, "--preserve-fds", $"{spec.Listeners.Count}", IdOf(spec.Name)];
        container.Process = spec.Listeners is [var listener]
            ? Start("perl", ["-MSocket", "-MPOSIX", "-e", WithListener, $"{listener.Port}", .. command])
            : Start(command[0], command[1..]);
        container.Process.StandardInput.Close();

        // Its first word.
        (await container.Process.StandardOutput.ReadLineAsync()).ShouldBe("Ready.");
        _ = container.Process.StandardOutput.ReadToEndAsync();
        _ = container.Process.StandardError.ReadToEndAsync();
    }

    private void Describe(NewServiceInstance spec, string path)
    {
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        var process = config["process"]!;
        process["terminal"] = false;
        process["args"] = Words(spec.Command!);
        process["env"] = Words(["PATH=/bin", "LC_ALL=C.UTF-8", "TZ=UTC", .. spec.Listeners.Take(1).Select(_ => "LISTEN_FDS=1")]);
        process["user"] = new JsonObject { ["uid"] = LoopVolumes.Uid, ["gid"] = LoopVolumes.Uid };
        process["capabilities"] = new JsonObject();

        // As many open files as this process may have, as compute leaves it.
        process["rlimits"] = new JsonArray();
        process["noNewPrivileges"] = true;
        config["root"] = new JsonObject { ["path"] = RootFolder(spec), ["readonly"] = true };
        var mounts = config["mounts"]!.AsArray();
        mounts.Add(Mount("/tmp", "tmpfs", "tmpfs", "nosuid", "nodev", "mode=1777"));
        foreach (var volume in spec.Volumes)
        {
            mounts.Add(Mount(volume.MountPath!, "bind", volumes.PathOf(volume.Volume), "bind", "rw"));
        }

        config["linux"]!["resources"]!["memory"] = new JsonObject { ["limit"] = spec.MemoryBytes, ["swap"] = spec.MemoryBytes };
        File.WriteAllText(path, config.ToJsonString());
    }

    /// <summary>The image, unpacked once, with the folders that this container's volumes are mounted at.</summary>
    private string RootFolder(NewServiceInstance spec)
    {
        var root = Path.Combine(folder, spec.Image);
        lock (_turn)
        {
            if (!Directory.Exists(root))
            {
                Unpack(FindImage(spec.Image)!, root);
            }

            foreach (var volume in spec.Volumes)
            {
                Directory.CreateDirectory(root + volume.MountPath);
            }
        }

        return root;
    }

    private static void Unpack(string image, string root)
    {
        var layout = root + ".layout";
        Directory.CreateDirectory(root);
        Directory.CreateDirectory(layout);
        TarFile.ExtractToDirectory(image, layout, overwriteFiles: true);
        JsonNode Blob(JsonNode descriptor) => JsonNode.Parse(File.ReadAllText(PathOf(descriptor)))!;
        string PathOf(JsonNode descriptor) =>
            Path.Combine(layout, "blobs", ((string)descriptor["digest"]!).Replace(':', Path.DirectorySeparatorChar));
        var index = JsonNode.Parse(File.ReadAllText(Path.Combine(layout, "index.json")))!;
        var layer = PathOf(Blob(index["manifests"]![0]!)["layers"]![0]!);
        using var tar = Start("tar", ["-xzf", layer, "-C", root]);
        tar.WaitForExit();
        tar.ExitCode.ShouldBe(0);
        Directory.Delete(layout, recursive: true);
    }

    private static InstanceState StateOf(Container container) => new(
        container.Spec.Name, container.Spec.Name, container.Runs ? InstanceState.Running : InstanceState.Stopped, null, true, true, "host",
        new InstanceSettings
        {
            ProjectName = "",
            Image = "",
            ImageName = "",
            Type = "",
            Engine = "container",
            RestartPolicy = "always",
        });

    /// <summary>The newest archive of an image.</summary>
    private static string? FindImage(string name)
    {
        var cache = Environment.GetEnvironmentVariable("CLOUD_CACHE")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "cloud");
        var images = new DirectoryInfo(Path.Combine(cache, "images"));
        return !images.Exists || Environment.UserName != "root"
            ? null
            : images.GetDirectories($"{name}-*").OrderBy(one => one.LastWriteTimeUtc)
                .Select(one => Path.Combine(one.FullName, "image.tar")).LastOrDefault(File.Exists);
    }

    private string IdOf(string name) => $"{name}-{(uint)folder.GetHashCode(StringComparison.Ordinal):x}";

    private static Process Start(string program, IReadOnlyList<string> arguments) => Process.Start(
        new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    private static async Task RunAsync(string program, IReadOnlyList<string> arguments)
    {
        using var process = Start(program, arguments);
        await process.WaitForExitAsync();
    }

    private static JsonObject Mount(string at, string type, string source, params string[] options) => new()
    {
        ["destination"] = at,
        ["type"] = type,
        ["source"] = source,
        ["options"] = Words(options),
    };

    private static JsonArray Words(IEnumerable<string> words) => new(words.Select(word => (JsonNode)word).ToArray());

    private sealed class Container(NewServiceInstance spec)
    {
        public NewServiceInstance Spec { get; set; } = spec;

        public Process? Process { get; set; }

        public bool Runs => Process is { HasExited: false };
    }
}
