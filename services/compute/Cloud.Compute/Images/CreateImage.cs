using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Oci;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Outbound;
using Cloud.ServiceDefaults.Quotas;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Compute.Images;

/// <summary>
/// The body of <c>POST /v1/images</c>: a disk that boots by the board's firmware, or an archive that containers are made of.
/// </summary>
public sealed record CreateImageRequest
{
    public required string Name { get; init; }

    public string? Description { get; init; }

    /// <summary>
    /// Where to import the disk from, by http or https; left out, its bytes are to be sent by <c>PUT /v1/images/{id}/content</c>.
    /// </summary>
    public string? Url { get; init; }

    /// <summary>
    /// An image in a registry, <c>REGISTRY/NAME:TAG</c> or <c>REGISTRY/NAME@sha256:…</c>, with <c>http://</c> before it where the
    /// registry does not speak TLS; instead of a URL, and for the format <c>oci</c> alone.
    /// </summary>
    public string? Reference { get; init; }

    /// <summary><c>qcow2</c> or <c>raw</c>, or <c>oci</c>: an OCI image layout in a tar file.</summary>
    public string Format { get; init; } = "qcow2";

    /// <summary><c>x86_64</c> or <c>riscv64</c>.</summary>
    public string Architecture { get; init; } = "x86_64";

    /// <summary>The SHA-256 of the disk's bytes, 64 hexadecimal digits; what arrives with another is refused.</summary>
    public string? Sha256 { get; init; }

    public ByteSize MinMemoryBytes { get; init; }

    /// <summary>The kinds of user data it takes: <c>script</c>, <c>cloud-config</c>.</summary>
    public IReadOnlyList<string>? UserData { get; init; }

    /// <summary>
    /// Whether it runs QEMU's guest agent: an instance is then ready at the agent's first answer, else when its machine runs.
    /// </summary>
    public bool GuestAgent { get; init; }

    /// <summary>The user that a key pair lets in.</summary>
    public string? LoginUser { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

internal static class CreateImage
{
    private const int DescriptionLengthMax = 1000;
    private const int LoginUserLengthMax = 32;

    public static async Task<IResult> HandleAsync(
        CreateImageRequest request,
        Caller caller,
        WaitQuery wait,
        HttpContext context,
        ComputeDbContext db,
        ImageWaiter waiter,
        TimeProvider time,
        CancellationToken ct)
    {
        var source = Check(request);
        var image = await StartAsync(request, caller.Project, source, db, time, ct);
        var latest = await waiter.WaitAsync(image, source is null ? WaitQuery.None : wait, ct);
        return ResourceResults.Created(context, $"/v1/images/{image.Id}", ImageView.From(latest), latest.Version);
    }

    /// <summary>Makes the row, and starts what brings the disk in.</summary>
    /// <param name="source">Where it comes from; null where it is to be sent.</param>
    public static async Task<Image> StartAsync(
        CreateImageRequest request, string project, string? source, ComputeDbContext db, TimeProvider time, CancellationToken ct)
    {
        var image = Image.Imported(TypedId.New<ImageId>(time), project, request, source, time.GetUtcNow());
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await db.Quotas().ReserveAsync(project, "images", 1, ct);
        db.Images.Add(image);
        if (source is not null)
        {
            db.Sagas().Start<ImageImportSaga, ImageSagaData>(new ImageSagaData(image.Id), image.Id.Value);
        }

        db.AddImageEvent(image);
        await db.SaveNewAsync("image", request.Name, ct);
        await transaction.CommitAsync(ct);
        return image;
    }

    /// <summary>Refuses what is wrong, all of it in one answer.</summary>
    /// <returns>Where the disk comes from; null where it is to be sent.</returns>
    public static string? Check(CreateImageRequest request)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        var isContainer = request.Format == Image.ContainerFormat;
        errors.Require(request.Format is "qcow2" or "raw" || isContainer, "format", "Expected qcow2, raw or oci.");
        errors.Require(request.Architecture is "x86_64" or "riscv64", "architecture", "Expected x86_64 or riscv64.");
        errors.Require(!isContainer || request.Architecture == "x86_64", "architecture", "Containers are run on x86_64.");
        errors.Require(!isContainer || request.UserData is null or [], "userData", "A container takes none.");
        errors.Require(!isContainer || !request.GuestAgent, "guestAgent", "A container needs none.");
        errors.Require(
            request.Sha256 is null || (request.Sha256.Length == 64 && request.Sha256.All(char.IsAsciiHexDigit)), "sha256",
            "Expected 64 hexadecimal digits.");
        errors.Require(request.MinMemoryBytes.Bytes is >= 0 and <= 1L << 40, "minMemoryBytes", "Expected at most 1 TiB.");
        errors.Require(
            (request.UserData ?? []).All(kind => kind is "script" or "cloud-config"), "userData", "Expected script, cloud-config or both.");
        errors.Require(
            request.Description is null || (request.Description.Length <= DescriptionLengthMax && !request.Description.Any(char.IsControl)),
            "description",
            $"At most {DescriptionLengthMax} characters and no control character.");
        errors.Require(
            request.LoginUser is null || (request.LoginUser.Length <= LoginUserLengthMax
                && request.LoginUser.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')),
            "loginUser",
            $"At most {LoginUserLengthMax} letters, digits, '-' and '_'.");
        ResourceName.CheckLabels(request.Labels, errors);
        Uri? url = null;
        errors.Require(request.Url is null || OutboundUrl.TryParse(request.Url, out url), "url", OutboundUrl.Form);
        RegistryReference? reference = null;
        errors.Require(
            request.Reference is null || (isContainer && RegistryReference.TryParse(request.Reference, out reference)), "reference",
            isContainer ? RegistryReference.Form : "Only an image of the format oci lies in a registry.");
        errors.Require(request.Url is null || request.Reference is null, "reference", "Give a url or a reference.");
        errors.ThrowIfAny();
        return reference is null ? url?.ToString() : ImageImport.FromRegistry + reference;
    }
}
