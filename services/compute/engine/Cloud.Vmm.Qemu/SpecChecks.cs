using System.Text.RegularExpressions;

namespace Cloud.Vmm.Qemu;

/// <summary>What a spec must be before anything is started: a wrong one is refused with a reason, never handed to QEMU.</summary>
internal static partial class SpecChecks
{
    private const int VcpusMax = 64;
    public const int DisksMax = 10;
    private const int NicsMax = 4;
    private const int LayersMax = 200;
    private const int SerialLengthMax = 20;
    private const long MemoryBytesMin = 8 << 20;
    private const long MemoryBytesMax = 1L << 40;
    private const int CommandLineLengthMax = 2000;

    /// <exception cref="VmException">Something in it cannot be.</exception>
    public static void Check(VmSpec spec)
    {
        Require(IdForm().IsMatch(spec.Id), "The machine's id is not of the form asked.");
        Require(
            spec.Engine is VmEngine.Simulation or VmEngine.Emulation or VmEngine.Hardware,
            "This driver runs machines by simulation, by emulation and by hardware alone.");
        Require(Enum.IsDefined(spec.Architecture), "This driver does not know the architecture.");
        Require(
            spec.Engine != VmEngine.Simulation || spec.Architecture == VmArchitecture.RiscV64, "The simulated board is a RISC-V one.");
        Require(
            spec.Engine != VmEngine.Simulation || !spec.Disks.SelectMany(DiskNodes.KeysOf).Any(),
            "The simulated board has no encrypted disks.");
        Require(spec.From is null || spec.Template is null, "A machine goes on from one state.");
        Require(spec.Vcpus is >= 1 and <= VcpusMax, $"A machine has 1 to {VcpusMax} vCPUs.");
        Require(spec.MemoryBytes is >= MemoryBytesMin and <= MemoryBytesMax, "A machine has 8 MiB to 1 TiB of memory.");
        Require(spec.Disks.Count <= DisksMax, $"A machine has at most {DisksMax} disks at its start.");
        Require(spec.Nics.Count <= NicsMax, $"A machine has at most {NicsMax} network interfaces.");
        Require(spec.Kernel is not null || spec.Disks.Count > 0, "A machine boots a kernel or a disk.");
        Require(
            spec.Kernel is not { } kernel || (kernel.CommandLine.Length <= CommandLineLengthMax && !kernel.CommandLine.Any(char.IsControl)),
            $"A kernel's command line has at most {CommandLineLengthMax} characters and no control character.");
        Require(
            spec.Disks.Select(disk => disk.Serial).Distinct(StringComparer.Ordinal).Count() == spec.Disks.Count,
            "Two disks have the same serial.");
        foreach (var disk in spec.Disks)
        {
            Check(disk);
        }

        Require(spec.Nics.All(nic => MacForm().IsMatch(nic.MacAddress)), "A network interface's MAC address is not of the form asked.");
        Require(
            spec.Nics.All(nic => Path.GetFullPath(Path.GetDirectoryName(nic.GuestSocketPath)!) != Path.GetFullPath(spec.Folder)),
            "A network interface's socket lies in a folder of its own, which the machine's process may write.");
    }

    /// <exception cref="VmException">Something in it cannot be.</exception>
    public static void Check(VmDisk disk)
    {
        Require(SerialForm().IsMatch(disk.Serial) && disk.Serial.Length <= SerialLengthMax, "A disk's serial is not of the form asked.");
        Require(disk.Format == VmDiskFormat.Qcow2 || disk.Backing.Count == 0, "A raw disk has no layers below it.");
        Require(disk.Backing.Count < LayersMax, $"A disk has at most {LayersMax} layers.");
        Require(
            disk.Limits is not { } limits || limits is { OperationsPerSecond: null or > 0, BytesPerSecond: null or > 0 },
            "A disk's limits are above 0.");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new VmException(otherwise);
        }
    }

    [GeneratedRegex(@"\A[a-z0-9-]{1,64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex IdForm();

    [GeneratedRegex(@"\A[A-Za-z0-9_-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex SerialForm();

    [GeneratedRegex(@"\A[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}\z", RegexOptions.CultureInvariant)]
    private static partial Regex MacForm();
}
