using Cloud.Compute.Host.Containers;
using Cloud.Compute.Host.Moves;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>What goes with a guest to another host, and comes with one.</summary>
internal sealed partial class Guest
{
    private LuggageRoom? _room;

    private bool IsContainer => Spec.Image.DiskFormat == ContainerImages.Format;

    /// <summary>It comes, and does not run.</summary>
    public bool ComesAtRest => _comes?.AtRest == true;

    /// <summary>Where its luggage comes in.</summary>
    public LuggageRoom Room => _room ??= new LuggageRoom(Folder.Path, Spec.Volumes.Select(volume => volume.Volume), _volumes, _snapshots);

    private Luggage Pack(bool isAtRest) => Luggage.Pack(
        Spec.Volumes.Select(one => new MovedVolume(RequireVolume(one.Volume), !isAtRest && !one.ReadOnly)).ToList(), Spec.Id, _volumes,
        _snapshots);

    /// <summary>Sends all that a guest that does not run has for itself.</summary>
    private async Task SendRestAsync(MoveOut way, CancellationToken ct)
    {
        if (!IsContainer)
        {
            await way.SendSparseAsync(MoveWays.Top, MoveWays.Root, PathOf(_root.Layers[0]), ct);
            return;
        }

        var path = Path.Combine(Folder.Path, "written.tar");
        try
        {
            if (await ContainerFiles.PackAsync(Folder.Path, path, ct))
            {
                await using var tar = File.OpenRead(path);
                await way.SendAsync(MoveWays.Written, tar, ct);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Takes in a file of its own or of its luggage.</summary>
    public Task TakeFileAsync(MoveWay way, Stream content, CancellationToken ct)
    {
        var path = way switch
        {
            { Name: MoveWays.Top, File: MoveWays.Root } when ComesAtRest && !IsContainer => PathOf(_root.Layers[0]),
            { Name: MoveWays.Layer, File: { } name } when _comes!.Layers.Contains(name) => _snapshots.PathOf(name),
            _ => Room.Find(way) ?? throw new VmException("No such file is awaited."),
        };
        return Room.TakeFileAsync(path, content, ct);
    }

    /// <summary>Takes in what a container has written.</summary>
    public async Task TakeWrittenAsync(Stream content, long lengthBytes, CancellationToken ct)
    {
        var path = Path.Combine(Folder.Path, "written.tar");
        await using (var tar = File.Create(path))
        {
            await MoveOut.CopyAsync(content, tar, lengthBytes, ct);
        }

        await ContainerFiles.UnpackAsync(path, Folder.Path, ct);
        File.Delete(path);
    }
}
