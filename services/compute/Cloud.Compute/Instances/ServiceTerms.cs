using Cloud.Compute.Contracts;
using Cloud.Compute.InstanceTypes;
using Cloud.Primitives;

namespace Cloud.Compute.Instances;

/// <summary>What a service asks of a container of its own that a user cannot.</summary>
/// <param name="Host">Where it is to be; null for where its volumes are, or any.</param>
internal sealed record ServiceTerms(int Vcpus, long MemoryBytes, string? Host, IReadOnlyList<NewListener> Listeners)
{
    /// <summary>What its type is called: it is one of no preset.</summary>
    public const string TypeName = "own";

    /// <summary>The label that says which service has it.</summary>
    public const string ManagedBy = "managed-by";

    private const int ListenersMax = 8;
    private const long MemoryBytesMin = 8 << 20;

    public void Check()
    {
        var errors = new FieldErrors();
        errors.Require(Vcpus >= 1, "vcpus", "Expected at least 1.");
        errors.Require(MemoryBytes >= MemoryBytesMin, "memoryBytes", "Expected at least 8 MiB.");
        errors.Require(Listeners.Count <= ListenersMax, "listeners", $"At most {ListenersMax}.");
        for (var at = 0; at < Math.Min(Listeners.Count, ListenersMax); at++)
        {
            errors.Require(ResourceName.IsValid(Listeners[at].Name), $"listeners[{at}].name", $"Expected {ResourceName.Form}.");
            errors.Require(Listeners[at].Port is null or (>= 1 and <= 65535), $"listeners[{at}].port", "Expected 1 to 65535.");
        }

        errors.Require(Listeners.DistinctBy(listener => listener.Name).Count() == Listeners.Count, "listeners", "A name is used twice.");
        var ports = Listeners.Select(listener => listener.Port).OfType<int>().ToList();
        errors.Require(ports.Distinct().Count() == ports.Count, "listeners", "A port is named twice.");
        errors.ThrowIfAny();
    }

    public InstanceType ToType(TimeProvider time) =>
        InstanceType.Create(TypedId.New<InstanceTypeId>(time), TypeName, Vcpus, MemoryBytes, 0, time.GetUtcNow());
}
