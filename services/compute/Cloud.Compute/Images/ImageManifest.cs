namespace Cloud.Compute.Images;

/// <summary><c>manifest.json</c> in the folder of a built image (infra/images/README.md).</summary>
internal sealed record ImageManifest
{
    public required string Name { get; init; }

    public required string Architecture { get; init; }

    public string? Kernel { get; init; }

    public string? Initrd { get; init; }

    public string? CommandLine { get; init; }

    public required string Disk { get; init; }

    public required string DiskFormat { get; init; }

    public required long DiskSizeBytes { get; init; }

    public long MinMemoryBytes { get; init; }

    public IReadOnlyList<string> UserData { get; init; } = [];

    public bool BootReport { get; init; }

    public bool GuestAgent { get; init; }

    public string? LoginUser { get; init; }

    public string? Description { get; init; }

    public string? Recipe { get; init; }
}
