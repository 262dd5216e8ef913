using System.Globalization;
using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu;

namespace Cloud.Vmm.Oci;

/// <summary>
/// What a shim is told: pairs of words. Volumes that are plain files are mounted by a loop device as they are. Others (qcow2, one with
/// layers, one with limits) are shown as such a file by QEMU's storage daemon, over FUSE.
/// </summary>
internal static class ShimOptions
{
    private const string StorageDaemon = "/usr/bin/qemu-storage-daemon";
    private const string DaemonProcessId = "storage.pid";
    private const string ExportFolder = "exports";

    /// <exception cref="VmException">A volume needs a program that is not installed.</exception>
    public static IReadOnlyList<string> Of(VmSpec spec, int uids, OciOptions options)
    {
        var container = spec.Container!;
        List<string> words =
        [
            "runc", options.RuntimeProgram, "id", spec.Id, "base", Text(uids), "bind", ContainerFolder.Etc,
            "owner", $"{Text(container.UserId)}:{Text(container.GroupId)}",
        ];
        if (UserNamespace.Own is not null)
        {
            var ids = UserNamespace.RequireIds();
            words.AddRange(["users", ids.Words[0], "groups", ids.Words[1], "tasks", Text(ContainerLimits.TasksMax)]);
        }

        words.AddRange(container.Layers.SelectMany(layer => (string[])["layer", Path.GetFullPath(layer)]));
        if (container.Network is { } network)
        {
            words.AddRange(["address", network.Address, "gateway", network.Gateway, "prefix", Text(network.PrefixLength)]);
        }

        var exported = spec.Disks.Where(NeedsDaemon).ToList();
        if (exported.Count > 0)
        {
            words.AddRange(DaemonCommand(spec, exported).SelectMany(word => (string[])["daemon-word", word]));
            words.AddRange(["daemon", DaemonProcessId]);
        }

        words.AddRange(spec.Disks.SelectMany(disk => (string[])
        [
            disk.ReadOnly ? "volume-read-only" : disk.WriteThrough && !NeedsDaemon(disk) ? "volume-write-through" : "volume",
            NeedsDaemon(disk) ? ExportPath(disk) : Path.GetFullPath(disk.Path),
        ]));
        return words;
    }

    public static bool NeedsDaemon(VmDisk disk) => disk.Format != VmDiskFormat.Raw || disk.Backing.Count > 0 || disk.Limits is not null;

    private static string ExportPath(VmDisk disk) => $"{ExportFolder}/{disk.Serial}";

    /// <summary>What lies below a file is named here; no header of a file is asked.</summary>
    private static List<string> DaemonCommand(VmSpec spec, List<VmDisk> disks)
    {
        if (!File.Exists(StorageDaemon))
        {
            throw new VmException("A volume of this kind needs qemu-storage-daemon, which is not installed on this host.");
        }

        Directory.CreateDirectory(Path.Combine(spec.Folder, ExportFolder));
        List<string> command =
        [
            StorageDaemon, "--daemonize", "--pidfile", DaemonProcessId, "--chardev", "socket,id=qmp,fd=3,server=on,wait=off", "--monitor",
            "chardev=qmp",
        ];
        foreach (var disk in disks)
        {
            File.WriteAllBytes(Path.Combine(spec.Folder, ExportPath(disk)), []);
            if (DiskNodes.Limits(disk) is { } limits)
            {
                command.AddRange(["--object", limits.ToJsonString()]);
            }

            IReadOnlyList<string> files = [Path.GetFullPath(disk.Path), .. disk.Backing.Select(layer => Path.GetFullPath(layer.Path))];
            command.AddRange(DiskNodes.Of(disk, files).SelectMany(node => (string[])["--blockdev", node.ToJsonString()]));
            command.AddRange(["--export", Export(disk).ToJsonString()]);
        }

        return command;
    }

    private static JsonObject Export(VmDisk disk) => new()
    {
        ["type"] = "fuse",
        ["id"] = DiskNodes.DeviceOf(disk.Serial),
        ["node-name"] = DiskNodes.RootOf(disk),
        ["mountpoint"] = ExportPath(disk),
        ["writable"] = !disk.ReadOnly,
        ["allow-other"] = "off",
    };

    private static string Text(IFormattable number) => number.ToString(null, CultureInfo.InvariantCulture);
}
