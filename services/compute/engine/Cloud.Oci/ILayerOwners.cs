namespace Cloud.Oci;

/// <summary>Gives what was unpacked to whom it belongs, where who unpacks may not do so himself.</summary>
public interface ILayerOwners
{
    /// <summary>Entries of a folder get their owners and modes.</summary>
    Task GiveAsync(string folder, IReadOnlyCollection<LayerOwner> owners, CancellationToken ct);

    /// <summary>Removes a folder, whoever has entries in it.</summary>
    void Remove(string folder);
}

/// <summary>Whose an entry of a layer is, in its image.</summary>
/// <param name="Path">In the layer's folder; empty for that itself.</param>
/// <param name="Uid">A user of the image's.</param>
/// <param name="Gid">A group of the image's.</param>
/// <param name="Mode">Null for a link, which has none.</param>
public sealed record LayerOwner(string Path, uint Uid, uint Gid, int? Mode);
