using System.Globalization;
using System.Text.Json.Nodes;

namespace Cloud.Vmm.Oci;

/// <summary>
/// The bundle that the runtime makes a container of (runtime-spec, config.md). Nothing in it is a right that a container could do without:
/// no capability, no new privilege, only the system calls of <c>seccomp.json</c>, namespaces and user ids of its own, and of the kernel's
/// files those that tell nothing of the host.
/// </summary>
internal static class Bundle
{
    private static readonly string[] Namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup", "user"];

    private static readonly string[] Masked =
    [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
        "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
    ];

    private static readonly string[] ReadOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

    private const int OomScoreUnbounded = 900;

    private static readonly JsonNode Seccomp = ReadSeccomp();

    /// <summary>Writes it, and the files of <c>/etc</c> that it names.</summary>
    /// <param name="spec">The machine.</param>
    /// <param name="uids">The first of its user ids.</param>
    public static void Write(VmSpec spec, int uids)
    {
        var container = spec.Container!;
        var etc = Path.Combine(spec.Folder, ContainerFolder.Etc);
        Directory.CreateDirectory(etc);
        WriteEtc(container, etc);
        StopSignal.Write(spec.Folder, container.StopSignal);
        File.WriteAllText(Path.Combine(spec.Folder, ContainerFolder.Bundle), Of(spec, container, uids).ToJsonString());
    }

    /// <summary>The container has other limits from its next start on.</summary>
    public static void Change(string folder, ContainerLimits limits)
    {
        var path = Path.Combine(folder, ContainerFolder.Bundle);
        var bundle = JsonNode.Parse(File.ReadAllText(path))!;
        bundle["linux"]!["resources"] = Resources(limits);
        File.WriteAllText(path + ".new", bundle.ToJsonString());
        File.Move(path + ".new", path, overwrite: true);
    }

    private static JsonObject Of(VmSpec spec, VmContainer container, int uids) => new()
    {
        ["ociVersion"] = "1.0.2",
        ["hostname"] = container.HostName,
        ["root"] = new JsonObject { ["path"] = $"{ContainerFolder.Place}/rootfs", ["readonly"] = container.ReadOnlyRoot },
        ["process"] = ProcessOf(container),
        ["mounts"] = MountsOf(spec, container),
        ["linux"] = LinuxOf(spec, uids),
    };

    private static JsonObject ProcessOf(VmContainer container)
    {
        var none = new JsonObject();
        foreach (var set in (ReadOnlySpan<string>)["bounding", "effective", "permitted", "inheritable", "ambient"])
        {
            none[set] = new JsonArray();
        }

        return new JsonObject
        {
            ["terminal"] = true,
            ["consoleSize"] = new JsonObject { ["height"] = 24, ["width"] = 80 },
            ["user"] = new JsonObject
            {
                ["uid"] = container.UserId,
                ["gid"] = container.GroupId,
                ["additionalGids"] = new JsonArray(container.Groups.Select(group => (JsonNode)group).ToArray()),
            },
            ["args"] = Words(container.Command),
            ["env"] = Words([.. container.Environment, .. ListenEnvironment(container.Listeners)]),
            ["cwd"] = container.WorkingDirectory,
            ["capabilities"] = none,
            ["noNewPrivileges"] = true,
            ["rlimits"] = new JsonArray(new JsonObject { ["type"] = "RLIMIT_CORE", ["soft"] = 0, ["hard"] = 0 }),

            // Where nothing bounds its memory, it is what a host that has no more takes it from.
            ["oomScoreAdj"] = ContainerCgroups.AreThere ? null : OomScoreUnbounded,
        };
    }

    /// <summary>What sd_listen_fds(3) reads. No other process of the container than its first takes it for its own.</summary>
    private static string[] ListenEnvironment(IReadOnlyList<VmListener> listeners) => listeners.Count == 0 ? [] :
    [
        string.Create(CultureInfo.InvariantCulture, $"LISTEN_FDS={listeners.Count}"),
        "LISTEN_PID=1",
        $"LISTEN_FDNAMES={string.Join(':', listeners.Select(listener => listener.Name))}",
    ];

    private static JsonArray MountsOf(VmSpec spec, VmContainer container)
    {
        var mounts = new JsonArray(
            Mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
            Mount("/dev", "tmpfs", "tmpfs", "nosuid", "noexec", "strictatime", "mode=755", "size=65536k"),
            Mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            Mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
            Mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            Mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            Mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"));
        foreach (var name in (ReadOnlySpan<string>)["hosts", "resolv.conf", "hostname"])
        {
            mounts.Add(Bind($"/etc/{name}", $"{ContainerFolder.Place}/{ContainerFolder.Etc}/{name}", readOnly: true));
        }

        if (container.ReadOnlyRoot)
        {
            mounts.Add(Mount("/tmp", "tmpfs", "tmpfs", "nosuid", "nodev", "mode=1777", "size=64m"));
            mounts.Add(Mount("/run", "tmpfs", "tmpfs", "nosuid", "nodev", "mode=755", "size=64m"));
        }

        for (var at = 0; at < spec.Disks.Count; at++)
        {
            var volume = string.Create(CultureInfo.InvariantCulture, $"{ContainerFolder.Place}/volumes/{at}");
            mounts.Add(Bind(container.Mounts[spec.Disks[at].Serial], volume, spec.Disks[at].ReadOnly));
        }

        return mounts;
    }

    private static JsonObject LinuxOf(VmSpec spec, int uids)
    {
        JsonArray Ids() => [new JsonObject { ["containerID"] = 0, ["hostID"] = uids, ["size"] = OciOptions.UidsEach }];
        return new JsonObject
        {
            ["namespaces"] = new JsonArray(Namespaces.Select(name => (JsonNode)new JsonObject { ["type"] = name }).ToArray()),
            ["uidMappings"] = Ids(),
            ["gidMappings"] = Ids(),
            ["cgroupsPath"] = ContainerCgroups.PathOf(spec.Id),
            ["resources"] = Resources(ContainerLimits.Of(spec)),

            // A container without capabilities may still listen on port 80: the network is its own.
            ["sysctl"] = new JsonObject { ["net.ipv4.ip_unprivileged_port_start"] = "0" },
            ["seccomp"] = Seccomp.DeepClone(),
            ["maskedPaths"] = Words(Masked),
            ["readonlyPaths"] = Words(ReadOnly),
        };
    }

    private static JsonObject Resources(ContainerLimits limits) => !ContainerCgroups.AreThere ? [] : new()
    {
        ["cpu"] = ContainerCgroups.LimitCpu ? CpuOf(limits) : null,
        ["devices"] = new JsonArray(new JsonObject { ["allow"] = false, ["access"] = "rwm" }),
        ["memory"] = new JsonObject { ["limit"] = limits.MemoryBytes, ["swap"] = limits.MemoryBytes },
        ["pids"] = new JsonObject { ["limit"] = ContainerLimits.TasksMax },
    };

    private static JsonObject CpuOf(ContainerLimits limits) => new()
    {
        ["quota"] = limits.CpuQuotaMicroseconds,
        ["period"] = ContainerLimits.CpuPeriodMicroseconds,
        ["shares"] = limits.CpuShares,
    };

    private static void WriteEtc(VmContainer container, string folder)
    {
        var network = container.Network;
        var name = container.HostName;
        File.WriteAllText(Path.Combine(folder, "hostname"), $"{name}\n");
        var own = network is null ? $"127.0.1.1 {name}" : $"{network.Address} {name}.{network.SearchDomain} {name}";
        File.WriteAllText(Path.Combine(folder, "hosts"), $"127.0.0.1 localhost\n::1 localhost\n{own}\n");
        File.WriteAllText(
            Path.Combine(folder, "resolv.conf"),
            network is null ? "" : $"nameserver {network.NameServer}\nsearch {network.SearchDomain}\n");
    }

    private static JsonObject Mount(string at, string type, string source, params ReadOnlySpan<string> options) => new()
    {
        ["destination"] = at,
        ["type"] = type,
        ["source"] = source,
        ["options"] = new JsonArray(options.ToArray().Select(option => (JsonNode)option).ToArray()),
    };

    private static JsonObject Bind(string at, string from, bool readOnly) =>
        Mount(at, "bind", from, "bind", readOnly ? "ro" : "rw", "nosuid", "nodev");

    private static JsonArray Words(IEnumerable<string> words) => new(words.Select(word => (JsonNode)word).ToArray());

    private static JsonNode ReadSeccomp()
    {
        using var file = typeof(Bundle).Assembly.GetManifestResourceStream("seccomp.json")!;
        return JsonNode.Parse(file)!;
    }
}
