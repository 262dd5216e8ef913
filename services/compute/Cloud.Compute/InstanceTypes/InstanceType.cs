using Cloud.Persistence;

namespace Cloud.Compute.InstanceTypes;

/// <summary>A preset of processors, memory and root disk. The cloud's own; an admin adds more.</summary>
internal sealed class InstanceType : IVersioned
{
    private InstanceType()
    {
    }

    public InstanceTypeId Id { get; private init; }

    public string Name { get; private set; } = "";

    public int Vcpus { get; private init; }

    public long MemoryBytes { get; private init; }

    /// <summary>The least size of the root disk; an image with a larger disk keeps its own.</summary>
    public long RootDiskBytes { get; private init; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private init; }

    public long Version { get; set; }

    public static InstanceType Create(
        InstanceTypeId id, string name, int vcpus, long memoryBytes, long rootDiskBytes, DateTimeOffset now) =>
        new()
        {
            Id = id,
            Name = name,
            Vcpus = vcpus,
            MemoryBytes = memoryBytes,
            RootDiskBytes = rootDiskBytes,
            CreatedAt = now,
            UpdatedAt = now,
        };
}
