using System.Text.Json;
using Cloud.Compute.Host.Contracts;
using Cloud.Switch.Client;
using Cloud.Vmm;
using Cloud.Vmm.Oci;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// A guest's folder on its host: the truth about the guest, which outlives the agent.
/// <code>
/// guests/i-…/guest.json      the spec, as the control plane gave it
///            coming.json     the same of one that comes from another host, and is no guest of this one yet
///            run.json        the latest run: when it began, how it ended
///            root.qcow2      the root disk, copy-on-write over the image's; once it was snapshotted its files lie in
///            root.json       snapshots/layers, and this says which, and what the next start goes on from
///            seed.iso        NoCloud
///            luggage.json    what came with one that comes from another host, until it is a guest of this one
///            presence        whether it came from another host, or went to one; one that did neither has none
///            console.log  boot.jsonl  process.log      see VmFolder
///            …               the driver's own
/// </code>
/// </summary>
internal sealed class GuestFolder(string guestsFolder, string id)
{
    private const string SpecName = "guest.json";
    private const string ComingName = "coming.json";
    private const string PresenceName = "presence";

    private readonly Lock _presence = new();
    private bool _isAway;

    /// <summary>Whether an id can be a folder's name: nothing that leads anywhere else.</summary>
    public static bool IsName(string id) =>
        id.Length is > 0 and <= 64 && id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    public string Path { get; } = System.IO.Path.Combine(guestsFolder, id);

    public string RootDisk => File("root.qcow2");

    public string Root => File("root.json");

    public string Seed => File("seed.iso");

    public string Console => File(VmFolder.ConsoleLog);

    public string Run => File("run.json");

    /// <summary>There while the guest holds its writes for a snapshot.</summary>
    public string Frozen => File("frozen");

    public string BootReport => File(VmFolder.BootReport);

    /// <summary>What its port of the switch is. One that is away stays so until the last of it is deleted.</summary>
    public PortPresence Presence
    {
        get
        {
            lock (_presence)
            {
                if (!_isAway && System.IO.File.Exists(File(PresenceName))
                    && Enum.TryParse<PortPresence>(System.IO.File.ReadAllText(File(PresenceName)), out var said))
                {
                    _isAway = said == PortPresence.Away;
                    return said;
                }

                return _isAway ? PortPresence.Away : PortPresence.Here;
            }
        }
    }

    /// <summary>Not synced: after a power loss nothing of a guest runs, and who has it is said by whose spec it is.</summary>
    public void SayPresence(PortPresence presence)
    {
        lock (_presence)
        {
            System.IO.File.WriteAllText(File(PresenceName) + ".new", presence.ToString());
            System.IO.File.Move(File(PresenceName) + ".new", File(PresenceName), overwrite: true);
            _isAway = presence == PortPresence.Away;
        }
    }

    /// <summary>A folder for a guest that is to be one by its spec later.</summary>
    public void Make()
    {
        Directory.CreateDirectory(Path);
        // Others may pass through to what they have the name of; nobody but the owner may list it.
        System.IO.File.SetUnixFileMode(
            Path,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }

    public GuestSpec? ReadSpec()
    {
        try
        {
            return JsonSerializer.Deserialize<GuestSpec>(System.IO.File.ReadAllBytes(File(SpecName)));
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Durable: written beside, synced, renamed.</summary>
    public void WriteSpec(GuestSpec spec)
    {
        Make();
        DurableFile.Write(File(SpecName), JsonSerializer.SerializeToUtf8Bytes(spec));
    }

    /// <summary>All that is slow of writing the spec of a guest that is to come, but that it is one.</summary>
    public void PrepareSpec(GuestSpec spec)
    {
        Make();
        DurableFile.Write(File(ComingName), JsonSerializer.SerializeToUtf8Bytes(spec));
    }

    /// <summary>From here on the folder is that of a guest of this host.</summary>
    public void TakeSpec() => System.IO.File.Move(File(ComingName), File(SpecName), overwrite: true);

    /// <summary>The spec is there by its name after a power loss too.</summary>
    public void SyncSpec()
    {
        using var file = System.IO.File.OpenHandle(File(SpecName), FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(file);
    }

    /// <summary>Removes the spec first, so that a crash half-way leaves a folder that is no guest and is swept.</summary>
    public void Delete()
    {
        if (Directory.Exists(Path))
        {
            System.IO.File.Delete(File(SpecName));
            try
            {
                UserNamespace.Remove(Path);
            }
            catch (IOException) when (UserNamespace.IsClosed)
            {
                // What its containers wrote is swept once the host gives their ids again.
            }
        }
    }

    private string File(string name) => System.IO.Path.Combine(Path, name);
}
