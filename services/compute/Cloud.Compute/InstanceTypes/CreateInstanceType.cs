using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Compute.InstanceTypes;

/// <summary>The body of <c>POST /v1/instance-types</c>.</summary>
public sealed record CreateInstanceTypeRequest
{
    public required string Name { get; init; }

    /// <summary>1 to 64.</summary>
    public required int Vcpus { get; init; }

    /// <summary>64 MiB to 1 TiB, in whole MiB.</summary>
    public required ByteSize MemoryBytes { get; init; }

    /// <summary>The least size of the root disk, at most 16 TiB; 0 takes the image's.</summary>
    public ByteSize RootDiskBytes { get; init; }
}

internal static class CreateInstanceType
{
    private const int VcpusMax = 64;
    private const long Mi = 1L << 20;

    public static async Task<IResult> HandleAsync(
        CreateInstanceTypeRequest request, HttpContext context, ComputeDbContext db, TimeProvider time, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        errors.Require(request.Vcpus is >= 1 and <= VcpusMax, "vcpus", $"Expected 1 to {VcpusMax}.");
        var memory = request.MemoryBytes.Bytes;
        errors.Require(memory is >= 64 * Mi and <= 1L << 40 && memory % Mi == 0, "memoryBytes", "Expected 64 MiB to 1 TiB in whole MiB.");
        errors.Require(
            request.RootDiskBytes.Bytes is >= 0 and <= 16L << 40 && request.RootDiskBytes.Bytes % Mi == 0, "rootDiskBytes",
            "Expected at most 16 TiB in whole MiB.");
        errors.ThrowIfAny();
        var type = InstanceType.Create(
            TypedId.New<InstanceTypeId>(time), request.Name, request.Vcpus, memory, request.RootDiskBytes.Bytes, time.GetUtcNow());
        db.InstanceTypes.Add(type);
        await db.SaveNewAsync("instance type", request.Name, ct);
        return ResourceResults.Created(context, $"/v1/instance-types/{type.Id}", InstanceTypeView.From(type), type.Version);
    }
}
