using System.Runtime.InteropServices;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Oci;

/// <summary>
/// Finds whether this host runs containers by running one: of a layer that holds the shim itself, which says that it was told nothing and
/// ends. That it was started proves namespaces, id-mapped mounts, overlays, seccomp and cgroups.
/// </summary>
internal sealed class ContainerProbe(OciParts parts)
{
    public async Task<EngineProbe> RunAsync(CancellationToken ct)
    {
        if (OciDriver.WhyNot(parts.Options) is { } reason)
        {
            return Answer(false, reason);
        }

        if (RuntimeInformation.OSArchitecture != Architecture.X64)
        {
            return Answer(false, "Containers are run on x86-64 hosts.");
        }

        var folder = Path.Combine(parts.Options.StateFolder, $"container-probe-{Guid.NewGuid():n}");
        try
        {
            return await TryAsync(folder, ct);
        }
        finally
        {
            UserNamespace.Remove(folder);
        }
    }

    private async Task<EngineProbe> TryAsync(string folder, CancellationToken ct)
    {
        var layer = Directory.CreateDirectory(Path.Combine(folder, "layer")).FullName;
        CopyProgram(layer);
        var machineFolder = Directory.CreateDirectory(Path.Combine(folder, "machine")).FullName;
        var spec = new VmSpec
        {
            Id = $"probe-{Guid.NewGuid():n}",
            Folder = machineFolder,
            Architecture = VmArchitecture.X64,
            Engine = VmEngine.Container,
            Vcpus = 1,
            MemoryBytes = 16 << 20,
            Disks = [],
            Uuid = Guid.NewGuid(),
            Container = new VmContainer
            {
                Layers = [layer],
                Command = ["/probe", "probe", ""],
                Environment = [],
                WorkingDirectory = "/",
                HostName = "probe",
                ReadOnlyRoot = true,
            },
        };
        try
        {
            using var folderLock = FileLock.TryTake(Path.Combine(machineFolder, "machine.lock"))!;
            await using var machine = await new ContainerStart(parts, spec).RunAsync(folderLock, ct);
            var exit = await machine.Exited.WaitAsync(parts.Options.StartLimit, parts.Time, ct);
            return exit.Kind == VmExitKind.GuestShutdown
                ? Answer(true, $"A small container ran to its end. {How}") with { Lacks = Lacks() }
                : Answer(false, $"A small container did not run: {exit.Reason}");
        }
        catch (Exception failed) when (failed is VmException or IOException or TimeoutException)
        {
            return Answer(false, $"A small container did not start: {failed.Message}");
        }
    }

    private static string How =>
        UserNamespace.Own is null ? "Users by id-mapped mounts, limits by cgroups."
        : ContainerCgroups.AreThere ? $"{Rootless}, limits by the cgroup that was delegated to {Environment.UserName}. {NoLimits}".TrimEnd()
        : $"{Rootless}. {NoLimits}";

    private static string? NoLimits =>
        !ContainerCgroups.AreThere ? $"This host gives {Environment.UserName} no cgroups: memory and CPU limits are not enforced."
        : !ContainerCgroups.LimitCpu ? $"This host gives {Environment.UserName} no cgroup of processor time: CPU limits are not enforced."
        : null;

    private static Dictionary<string, string> Lacks()
    {
        var lacks = new Dictionary<string, string>();
        if (OciDriver.WhyNoVolumes is { } none)
        {
            lacks[EngineLack.Volumes] = none;
        }

        if (NoLimits is { } unbounded)
        {
            lacks[EngineLack.Limits] = unbounded;
        }

        return lacks;
    }

    private static string Rootless => $"Users by a user namespace of {Environment.UserName}'s, whose range of ids all containers share";

    /// <summary>The shim is linked to nothing that a container would have to bring.</summary>
    private void CopyProgram(string layer)
    {
        var program = Path.Combine(layer, "probe");
        File.Copy(parts.Options.ShimProgram, program);
        File.SetUnixFileMode(
            program,
            UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead
            | UnixFileMode.OtherExecute);
        File.SetUnixFileMode(
            layer,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead
            | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
    }

    private static EngineProbe Answer(bool works, string reason) => new(VmEngine.Container, VmArchitecture.X64, works, reason);
}
