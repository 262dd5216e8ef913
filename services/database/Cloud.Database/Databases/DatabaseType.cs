using Cloud.Primitives;

namespace Cloud.Database.Databases;

/// <summary>How much memory a database's server plans with; named as the instance types of the same sizes.</summary>
internal sealed record DatabaseType(string Name, int Vcpus, int MemoryMebibytes)
{
    public const string Default = "micro";

    private const int ConnectionsMin = 25;
    private const int ConnectionsMax = 400;

    public static IReadOnlyList<DatabaseType> All { get; } =
        [new("nano", 1, 128), new("micro", 1, 256), new("small", 1, 512), new("medium", 2, 2048), new("large", 2, 4096)];

    /// <summary>A quarter of the memory, as PostgreSQL's manual advises ("shared_buffers").</summary>
    public int SharedBuffersMebibytes => MemoryMebibytes / 4;

    public int Connections => Math.Clamp(MemoryMebibytes / 5, ConnectionsMin, ConnectionsMax);

    public int WorkMemoryKibibytes => MemoryMebibytes * 1024 / 4 / Connections;

    /// <exception cref="CloudException">There is no such type.</exception>
    public static DatabaseType Require(string? name) => All.FirstOrDefault(type => type.Name == (name ?? Default))
        ?? throw CloudException.Invalid("type", $"Expected one of {string.Join(", ", All.Select(type => type.Name))}.");
}
