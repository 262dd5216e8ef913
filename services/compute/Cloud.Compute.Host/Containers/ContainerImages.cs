using Cloud.Compute.Host.Contracts;
using Cloud.Oci;
using Cloud.Primitives;
using Cloud.Switch.Client;
using Cloud.Vmm;
using Cloud.Vmm.Oci;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Host.Containers;

/// <summary>
/// The layers of container images on this host, unpacked once each under the SHA-256 of their content. All containers of images that have a
/// layer share its folder.
/// <code>
/// layers/&lt;sha256&gt;/…     as overlayfs wants it below others; root's alone, or of an ordinary user's ids for containers
/// </code>
/// </summary>
internal sealed class ContainerImages(IOptions<HostOptions> options) : IDisposable
{
    public const string Format = "oci";

    private const string Architecture = "amd64";
    private const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly SemaphoreSlim _one = new(1, 1);

    private string Folder => Path.Combine(options.Value.Folder, "layers");

    /// <summary>Unpacks what is not there yet of an image.</summary>
    /// <exception cref="CloudException">It is not what it says.</exception>
    public async Task UnpackAsync(GuestImage image, CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            Directory.CreateDirectory(Folder, OwnerOnly);
            using var archive = await OciArchive.OpenAsync(PathOf(image), ct);
            foreach (var layer in (await archive.ReadImageAsync(Architecture, ct)).Layers)
            {
                await LayerFolder.UnpackAsync(archive, layer, FolderOf(layer), UserNamespace.Own, ct);
            }
        }
        catch (OciException wrong)
        {
            throw new CloudException(ErrorKind.Unprocessable, "image-invalid", wrong.Message, wrong);
        }
        catch (IOException failed)
        {
            throw new CloudException(ErrorKind.Unavailable, "image-failed", "The image could not be unpacked on this host.", failed);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>What a guest runs: its image, and what was asked beyond it.</summary>
    /// <exception cref="CloudException">The image is not what it says, or names a user that it does not have.</exception>
    public async Task<VmContainer> DescribeAsync(GuestSpec spec, IReadOnlyList<VmDisk> volumes, CancellationToken ct)
    {
        try
        {
            using var archive = await OciArchive.OpenAsync(PathOf(spec.Image), ct);
            var image = await archive.ReadImageAsync(Architecture, ct);
            var layers = image.Layers.Reverse().Select(FolderOf).ToList();
            var user = ImageUser.Resolve(image.User, layers);
            var asked = spec.Container ?? new GuestContainer();
            return new VmContainer
            {
                Layers = layers,
                Command = asked.Command ?? [.. image.Entrypoint, .. image.Command],
                Environment = EnvironmentOf(image, asked, user, spec.HostName),
                WorkingDirectory = image.WorkingDirectory,
                UserId = user.Uid,
                GroupId = user.Gid,
                Groups = user.Groups,
                StopSignal = image.StopSignal,
                ReadOnlyRoot = asked.ReadOnlyRoot,
                HostName = spec.HostName,
                Network = spec.HasNetwork
                    ? new VmContainerNetwork(
                        spec.Address, SwitchNetwork.PrefixLength, SwitchNetwork.Router, SwitchNetwork.NameServer, SwitchNetwork.Domain)
                    : null,
                Listeners = asked.Listeners.Select(listener => new VmListener(listener.Name, listener.Port)).ToList(),
                Mounts = MountsOf(spec, asked, volumes),
            };
        }
        catch (OciException wrong)
        {
            throw new CloudException(ErrorKind.Unprocessable, "image-invalid", wrong.Message, wrong);
        }
    }

    /// <summary>Removes the layers that no guest's image has.</summary>
    public async Task SweepAsync(IEnumerable<GuestSpec> guests, CancellationToken ct)
    {
        if (!Directory.Exists(Folder) || UserNamespace.IsClosed)
        {
            return;
        }

        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach (var image in guests.Select(guest => guest.Image).Where(image => image.DiskFormat == Format).DistinctBy(PathOf))
        {
            try
            {
                using var archive = await OciArchive.OpenAsync(PathOf(image), ct);
                used.UnionWith((await archive.ReadImageAsync(Architecture, ct)).Layers.Select(FolderOf));
            }
            catch (Exception unreadable) when (unreadable is OciException or IOException)
            {
                // Whose layers these are cannot be told now: all stay.
                return;
            }
        }

        foreach (var folder in Directory.EnumerateDirectories(Folder).Where(folder => !used.Contains(folder)))
        {
            UserNamespace.Remove(folder);
        }
    }

    public void Dispose() => _one.Dispose();

    private static string PathOf(GuestImage image) => Path.Combine(image.Folder, image.Disk);

    private string FolderOf(OciLayer layer) => Path.Combine(Folder, layer.DiffHex);

    /// <summary>The later of two values of one name counts.</summary>
    private static List<string> EnvironmentOf(OciImage image, GuestContainer asked, ImageUser user, string hostName) =>
        ((string[])[DefaultPath, $"HOME={user.Home}", $"HOSTNAME={hostName}", "TERM=xterm"])
        .Concat(image.Environment)
        .Concat(asked.Environment.Select(variable => $"{variable.Key}={variable.Value}"))
        .Select(variable => variable.Split('=', 2))
        .GroupBy(variable => variable[0], StringComparer.Ordinal)
        .Select(values => string.Join('=', values.Last()))
        .ToList();

    private static Dictionary<string, string> MountsOf(GuestSpec spec, GuestContainer asked, IReadOnlyList<VmDisk> volumes) =>
        spec.Volumes.Where(volume => volumes.Any(disk => disk.Serial == volume.Serial)).ToDictionary(
            volume => volume.Serial,
            volume => asked.Mounts.GetValueOrDefault(volume.Volume) ?? $"/volumes/{volume.Volume}",
            StringComparer.Ordinal);
}
