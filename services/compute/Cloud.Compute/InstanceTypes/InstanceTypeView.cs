namespace Cloud.Compute.InstanceTypes;

/// <summary>An instance type as the API shows it.</summary>
public sealed record InstanceTypeView(
    InstanceTypeId Id, string Name, int Vcpus, long MemoryBytes, long RootDiskBytes, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static InstanceTypeView From(InstanceType type) =>
        new(type.Id, type.Name, type.Vcpus, type.MemoryBytes, type.RootDiskBytes, type.CreatedAt, type.UpdatedAt);
}
