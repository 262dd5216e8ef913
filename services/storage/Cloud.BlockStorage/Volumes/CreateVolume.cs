using Cloud.BlockStorage.Persistence;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.BlockStorage.Volumes;

/// <summary>The body of <c>POST /v1/volumes</c>.</summary>
public sealed record CreateVolumeRequest
{
    public required string Name { get; init; }

    /// <summary>1 MiB to 16 TiB, rounded up to whole mebibytes; left out, that of its source. Space is taken as it is written.</summary>
    public ByteSize? SizeBytes { get; init; }

    /// <summary>Starts as what this image's disk holds, by name or id.</summary>
    public string? Image { get; init; }

    /// <summary>Starts as what this snapshot holds.</summary>
    public string? Snapshot { get; init; }

    /// <summary>Starts as what this volume holds now.</summary>
    public string? Volume { get; init; }

    /// <summary>One of <c>GET /v1/volume-types</c>; left out, <c>standard</c>.</summary>
    public string? Type { get; init; }

    /// <summary>
    /// What is written to it is encrypted on the host's disk, by a key of its own. Left out, as its source is; a copy of an encrypted
    /// volume always is.
    /// </summary>
    public bool? Encrypted { get; init; }

    /// <summary><c>qcow2</c>, or <c>raw</c> for a blank volume that is not encrypted.</summary>
    public VolumeFormat Format { get; init; } = VolumeFormat.Qcow2;

    /// <summary>The most reads and writes a second that its guest may do; left out, as its type allows, which is the most.</summary>
    public long? OperationsPerSecond { get; init; }

    /// <summary>The same as bytes.</summary>
    public long? BytesPerSecond { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>A DELETE is refused until this is taken off.</summary>
    public bool DeletionProtection { get; init; }
}

internal static class CreateVolume
{
    private const long LimitMax = 1L << 40;

    // A smaller one would hold up the largest single request.
    private const long BytesMin = 1 << 20;

    public static async Task<IResult> HandleAsync(
        CreateVolumeRequest request, Caller caller, WaitQuery wait, HttpContext context, BlockStorageDbContext db, VolumeWaiter waiter,
        IVolumeHosts hosts, TimeProvider time, CancellationToken ct)
    {
        var latest = await waiter.WaitAsync(await StartAsync(request, caller, db, hosts, time, ct), wait, ct);
        return ResourceResults.Created(context, $"/v1/volumes/{latest.Id}", VolumeView.From(latest), latest.Version);
    }

    /// <summary>Makes the row and starts what makes the volume.</summary>
    /// <param name="host">Where it is to lie where it is blank; null for anywhere.</param>
    public static async Task<Volume> StartAsync(
        CreateVolumeRequest request, Caller caller, BlockStorageDbContext db, IVolumeHosts hosts, TimeProvider time, CancellationToken ct,
        string? host = null)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        errors.Require(request.OperationsPerSecond is null or (>= 1 and <= LimitMax), "operationsPerSecond", $"Expected 1 to {LimitMax}.");
        errors.Require(
            request.BytesPerSecond is null or (>= BytesMin and <= LimitMax), "bytesPerSecond", $"Expected {BytesMin} to {LimitMax}.");
        var type = VolumeType.Find(request.Type);
        errors.Require(type is not null, "type", $"Expected {string.Join(", ", VolumeType.All.Select(one => one.Name))}.");
        errors.Require(
            !(request.OperationsPerSecond > type?.OperationsPerSecond), "operationsPerSecond",
            $"The type allows {type?.OperationsPerSecond}.");
        errors.Require(!(request.BytesPerSecond > type?.BytesPerSecond), "bytesPerSecond", $"The type allows {type?.BytesPerSecond}.");
        errors.ThrowIfAny();
        var source = await VolumeSource.FindAsync(request, caller, db, hosts, ct);
        source.Check(request);
        source = source with { Host = source.Host ?? host };
        var sizeBytes = VolumeSize.Require(
            request.SizeBytes?.Bytes ?? source.SizeBytes ?? throw CloudException.Invalid("sizeBytes", "A blank volume needs a size."));
        if (sizeBytes < source.SizeBytes)
        {
            throw CloudException.Invalid("sizeBytes", $"Its source needs at least {source.SizeBytes} bytes.");
        }

        var volume = Volume.Create(
            TypedId.New<VolumeId>(time), caller.Project, request.Name, source, sizeBytes, type!, request, time.GetUtcNow());
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await VolumeQuotas.ReserveAsync(db, caller.Project, 1, sizeBytes, ct);
        db.Volumes.Add(volume);
        db.Sagas().Start<VolumeCreateSaga, VolumeSagaData>(new VolumeSagaData(volume.Id), volume.Id.Value);
        db.AddVolumeEvent(volume, "creating");
        await db.SaveNamedAsync("volume", volume.Name, ct);
        await transaction.CommitAsync(ct);
        return volume;
    }
}
