using Cloud.Oci;

namespace Cloud.Vmm.Oci;

/// <summary>What a spec must be before anything is started.</summary>
internal static class ContainerChecks
{
    private const int LayersMax = 120;
    private const int DisksMax = 16;
    private const int WordsMax = 4096;
    private const int IdLengthMax = 64;
    private const int ListenersMax = 8;
    private const int ListenerNameLengthMax = 64;
    private const long MemoryBytesMin = 8 << 20;

    /// <summary>Of an ordinary user's.</summary>
    public const string NoVolumes = "A container has volumes where the cloud was started as root: the kernel mounts none for others.";

    /// <exception cref="VmException">Something in it cannot be.</exception>
    public static void Check(VmSpec spec)
    {
        Require(spec.Engine == VmEngine.Container, "This driver runs containers alone.");
        Require(spec.From is null && spec.Template is null, "What a container is cannot be kept.");
        var container = spec.Container ?? throw new VmException("A container is made from a container image.");
        Require(
            spec.Id.Length is > 0 and <= IdLengthMax
            && spec.Id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'),
            "The machine's id is not of the form asked.");
        Require(container.Layers.Count is >= 1 and <= LayersMax, $"A container's image has 1 to {LayersMax} layers.");
        Require(container.Layers.All(Directory.Exists), "A layer of the image is not on this host.");
        Require(container.Command.Count is >= 1 and <= WordsMax, "A container runs a command, and neither it nor its image names one.");
        Require(
            container.Command.Concat(container.Environment).All(word => !word.Contains('\0', StringComparison.Ordinal)),
            "A container's command and environment hold no NUL.");
        Require(container.WorkingDirectory.StartsWith('/'), "A container's working directory is absolute.");
        Require(spec.Kernel is null, "A container has no kernel of its own.");
        Require(spec.MemoryBytes >= MemoryBytesMin, "A container has at least 8 MiB of memory.");
        Require(spec.Vcpus >= 1, "A container has at least one processor's worth of time.");
        Require(spec.Nics.Count == 0 == container.Network is null && spec.Nics.Count <= 1, "A container has one network card or none.");
        Require(
            container.Listeners.Count <= ListenersMax
            && container.Listeners.All(listener => listener.Port is > 0 and <= 65535 && IsName(listener.Name))
            && container.Listeners.DistinctBy(listener => listener.Name).Count() == container.Listeners.Count,
            $"A container has at most {ListenersMax} listeners, on ports from 1 to 65535, each with a name of its own of a-z, 0-9, '-'.");
        Require(
            spec.Disks.All(disk => disk.Key is null && disk.Backing.All(layer => layer.Key is null)),
            "A container takes no encrypted volume.");
        Require(spec.Disks.Count <= DisksMax, $"A container has at most {DisksMax} volumes.");
        Require(spec.Disks.Count == 0 || OciDriver.WhyNoVolumes is null, NoVolumes);
        foreach (var disk in spec.Disks)
        {
            Require(
                container.Mounts.TryGetValue(disk.Serial, out var path) && MountPoint.IsValid(path),
                "A volume's place in the container is not one.");
        }

        Require(
            spec.Disks.Select(disk => container.Mounts[disk.Serial]).Distinct(StringComparer.Ordinal).Count() == spec.Disks.Count,
            "Two volumes have the same place in the container.");
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= ListenerNameLengthMax && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new VmException(otherwise);
        }
    }
}
