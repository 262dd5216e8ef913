using System.Text.Json;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// The files of a guest's root disk, and what its next start goes on from: in its folder as <c>root.json</c>. A guest that was never
/// snapshotted has none.
/// </summary>
/// <param name="Layers">The file that is written first, then what that lies over; the image's is below them all.</param>
/// <param name="Next">The file that is being laid on top; a crash leaves it open whether it is.</param>
/// <param name="From">The snapshot that the next start goes on from; the guest's own id where it is suspended.</param>
/// <param name="Renews">It comes from another guest and has that one's identity still.</param>
/// <param name="Whole">The files hold all of the disk: the image's is not below them.</param>
internal sealed record GuestRoot(
    IReadOnlyList<string> Layers, string? Next = null, string? From = null, bool Renews = false, bool Whole = false)
{
    /// <summary>The file in the guest's own folder, until it is shared with a snapshot.</summary>
    public const string Own = "root.qcow2";

    public static GuestRoot Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<GuestRoot>(File.ReadAllBytes(path))!;
        }
        catch (Exception none) when (none is FileNotFoundException or DirectoryNotFoundException)
        {
            return new GuestRoot([Own]);
        }
    }

    /// <summary>With another file on top, which is written from then on.</summary>
    public GuestRoot Under(string top) => this with { Layers = [top, .. Layers], Next = null };

    public void Write(string path) => DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this));
}
