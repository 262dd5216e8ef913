using Cloud.Vmm.Qemu.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// All that a machine's process is given open, opened by the agent with its own rights. The list's order is the numbers they have in the
/// process: standard input, output and error first.
/// </summary>
internal sealed class MachineFiles : IDisposable
{
    private const int AppendTo = LibC.OpenWriteOnly | LibC.OpenAppend | LibC.OpenCreate | LibC.OpenNoFollow;

    private readonly List<SafeFileHandle> _open = [];

    private MachineFiles()
    {
    }

    public IReadOnlyList<SafeFileHandle> Open => _open;

    public QemuDescriptors Numbers { get; private set; } = null!;

    /// <param name="spec">The machine.</param>
    /// <param name="otherUser">Whether the process runs as another user than the present one.</param>
    /// <param name="more">What the process holds for as long as it lives.</param>
    /// <exception cref="VmException">A file is not what the spec says.</exception>
    /// <exception cref="IOException">A file cannot be opened.</exception>
    public static MachineFiles OpenAll(VmSpec spec, bool otherUser, IEnumerable<SafeFileHandle> more)
    {
        var files = new MachineFiles();
        try
        {
            files.OpenStandard(spec.Folder);
            files.Numbers = files.OpenSpec(spec, otherUser);
            files._open.AddRange(more.Select(Descriptor.Duplicate));
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    public void Dispose() => _open.ForEach(file => file.Dispose());

    private void OpenStandard(string folder)
    {
        Add(Descriptor.Open("/dev/null", LibC.OpenReadOnly));
        var log = Add(Descriptor.Open(Path.Combine(folder, VmFolder.ProcessLog), AppendTo));
        Add(Descriptor.Duplicate(_open[log]));
    }

    private QemuDescriptors OpenSpec(VmSpec spec, bool otherUser) => new()
    {
        Qmp = Add(FolderSocket.Listen(spec.Folder, MachineFolder.Qmp)),
        Console = Add(FolderSocket.Listen(spec.Folder, MachineFolder.Console)),
        Agent = Add(FolderSocket.Listen(spec.Folder, MachineFolder.Agent)),
        ConsoleLog = Add(Descriptor.Open(Path.Combine(spec.Folder, VmFolder.ConsoleLog), AppendTo)),
        BootReport = Add(Descriptor.Open(Path.Combine(spec.Folder, VmFolder.BootReport), AppendTo)),
        Kernel = spec.Kernel is { } kernel ? Add(OpenByName(kernel.ImagePath, otherUser)) : null,
        Initrd = spec.Kernel?.InitrdPath is { } initrd ? Add(OpenByName(initrd, otherUser)) : null,
        Seed = spec.SeedPath is { } seed ? Add(Descriptor.Open(seed, LibC.OpenReadOnly)) : null,
        State = spec.From is { } from ? Add(Descriptor.Open(from.Path, LibC.OpenReadOnly))
            : spec.Template is { } template ? Add(MemoryFile.OpenAgain(template.State)) : null,
        Memory = spec.Template?.Memory is { } memory ? Add(Descriptor.Duplicate(memory)) : null,
        Disks = spec.Disks.Select(OpenDisk).ToList(),
        Keys = spec.Disks.SelectMany(DiskNodes.KeysOf).ToDictionary(one => one.Layer, one => Add(KeepInMemory(one.Key))),
        NicFolders = spec.Nics.Select(nic => (OpenFolderOf(nic.GuestSocketPath), OpenFolderOf(nic.SwitchSocketPath))).ToList(),
    };

    private int OpenFolderOf(string path) => Add(Descriptor.OpenFolder(Path.GetDirectoryName(path)!));

    private List<int> OpenDisk(VmDisk disk)
    {
        List<int> numbers = [Add(OpenLayer(disk.Path, disk.Format, disk.ReadOnly, disk.Serial))];
        numbers.AddRange(disk.Backing.Select(layer => Add(OpenLayer(layer.Path, layer.Format, readOnly: true, disk.Serial))));
        return numbers;
    }

    /// <summary>Opens one file of a disk.</summary>
    /// <exception cref="VmException">It is not what it is said to be.</exception>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static SafeFileHandle OpenLayer(string path, VmDiskFormat format, bool readOnly, string serial)
    {
        var file = Descriptor.Open(path, readOnly ? LibC.OpenReadOnly : LibC.OpenReadWrite);
        try
        {
            if (format == VmDiskFormat.Qcow2)
            {
                Qcow2Header.Check(file, serial);
            }

            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A file that QEMU opens anew by its descriptor's name: the folders above it do not matter then, its own mode does. One that
    /// the other user may not read is given as a copy in memory.
    /// </summary>
    private static SafeFileHandle OpenByName(string path, bool otherUser)
    {
        var file = Descriptor.Open(path, LibC.OpenReadOnly);
        if (!otherUser || (File.GetUnixFileMode(file) & UnixFileMode.OtherRead) != 0)
        {
            return file;
        }

        using (file)
        {
            var copy = MemoryFile.Create(Path.GetFileName(path));
            CopyBytes(file, copy);
            return copy;
        }
    }

    private static SafeFileHandle KeepInMemory(VmDiskKey key)
    {
        var file = MemoryFile.Create("key");
        RandomAccess.Write(file, System.Text.Encoding.UTF8.GetBytes(key.Passphrase), 0);
        return file;
    }

    private static void CopyBytes(SafeFileHandle from, SafeFileHandle to)
    {
        var buffer = new byte[1 << 20];
        long offset = 0;
        int read;
        while ((read = RandomAccess.Read(from, buffer, offset)) > 0)
        {
            RandomAccess.Write(to, buffer.AsSpan(0, read), offset);
            offset += read;
        }
    }

    private int Add(SafeFileHandle file)
    {
        _open.Add(file);
        return _open.Count - 1;
    }
}
