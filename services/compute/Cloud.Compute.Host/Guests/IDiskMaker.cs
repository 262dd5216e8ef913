using Cloud.Compute.Host.Contracts;

namespace Cloud.Compute.Host.Guests;

/// <summary>Makes the disks of guests.</summary>
internal interface IDiskMaker
{
    /// <summary>Makes the root disk over the image's, or grows it; leaves one alone that is as asked. Never shrinks.</summary>
    Task MakeRootAsync(GuestSpec spec, string path, CancellationToken ct);
}
