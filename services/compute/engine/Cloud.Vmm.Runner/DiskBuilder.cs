using Cloud.Vmm.RiscV.Disks;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner;

/// <summary>
/// Makes a disk from a tree of block nodes. What lies below a qcow2 file is what its option names, never what its header does.
/// </summary>
internal sealed class DiskBuilder(RunnerOptions options, HostFiles files)
{
    private readonly HashSet<string> _used = [];

    /// <exception cref="OptionException">A node is missing, used twice, or no disk.</exception>
    internal IDisk Build(string node)
    {
        if (!options.Blocks.TryGetValue(node, out Properties? block))
        {
            throw new OptionException($"There is no block node '{node}'.");
        }

        if (!_used.Add(node))
        {
            throw new OptionException($"The block node '{node}' is used twice.");
        }

        bool readOnly = block.Flag("read-only");
        switch (block.Required("driver"))
        {
            case "file":
                return new RawDisk(OpenFile(block, readOnly), readOnly);
            case "raw":
                return new RawDisk(OpenFile(FileOf(block), readOnly), readOnly);
            case "qcow2":
                string? below = block.Text("backing");
                IDisk? backing = below is null ? null : Build(below);
                try
                {
                    return new Qcow2Disk(OpenFile(FileOf(block), readOnly), backing, readOnly);
                }
                catch (Exception damaged) when (damaged is InvalidDataException or IOException)
                {
                    throw new OptionException($"The block node '{node}': {damaged.Message}");
                }

            case var driver:
                throw new OptionException($"The block driver '{driver}' is not known.");
        }
    }

    private Properties FileOf(Properties block)
    {
        // The file is a node of its own, or written in place.
        if (block.Text("file") is not { } name)
        {
            return block.Text("file.filename") is null ? throw new OptionException("'file' is missing.") : block;
        }

        return options.Blocks.TryGetValue(name, out Properties? file) && _used.Add(name)
            ? file
            : throw new OptionException($"There is no block node '{name}', or it is used twice.");
    }

    private Microsoft.Win32.SafeHandles.SafeFileHandle OpenFile(Properties file, bool readOnly) =>
        files.Open(file.Text("filename") ?? file.Required("file.filename"), readOnly ? FileAccess.Read : FileAccess.ReadWrite);
}
