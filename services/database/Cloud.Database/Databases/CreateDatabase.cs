using Cloud.Database.Engines;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Database.Databases;

/// <summary>The body of <c>POST /v1/databases</c>.</summary>
public sealed record CreateDatabaseRequest
{
    public required string Name { get; init; }

    /// <summary><c>postgres</c>, also where it is left out, or <c>redis</c>.</summary>
    public string? Engine { get; init; }

    /// <summary><c>15</c> of PostgreSQL, <c>7.0</c> of Redis; may be left out.</summary>
    public string? Version { get; init; }

    /// <summary><c>nano</c>, <c>micro</c> (left out), <c>small</c>, <c>medium</c> or <c>large</c>: how much memory the server plans
    /// with.</summary>
    public string? Type { get; init; }

    /// <summary>128 MiB to 16 TiB; left out, 1 GiB. Space is taken as it is written.</summary>
    public ByteSize? SizeBytes { get; init; }

    /// <summary>Settings of the server, checked by the server itself.</summary>
    public IReadOnlyDictionary<string, string>? Parameters { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>A DELETE is refused until this is taken off.</summary>
    public bool DeletionProtection { get; init; }
}

internal static class CreateDatabase
{
    private const long SizeDefault = 1L << 30;

    public static async Task<IResult> HandleAsync(
        CreateDatabaseRequest request, Caller caller, WaitQuery wait, HttpContext context, DatabaseMaker maker, ServerEngines engines,
        CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        errors.ThrowIfAny();
        var kind = request.Engine is { } named ? EnumWords.Parse<DatabaseEngine>(named, "engine") : DatabaseEngine.Postgres;
        var engine = engines.Of(kind);
        errors.Require(request.Version is null || request.Version == engine.Version, "version", $"Expected {engine.Version}.");
        errors.ThrowIfAny();
        var type = DatabaseType.Require(request.Type);
        var sizeBytes = DatabaseSize.Require(request.SizeBytes?.Bytes ?? SizeDefault);
        await engine.CheckParametersAsync(request.Parameters, type, ct);
        var desired = new DesiredDatabase(request.Name, type, sizeBytes)
        {
            Engine = kind,
            Labels = new Labels(request.Labels ?? new Dictionary<string, string>()),
            Parameters = request.Parameters ?? new Dictionary<string, string>(),
            DeletionProtection = request.DeletionProtection,
        };
        return await maker.MakeAsync(desired, data => data, caller, wait, context, ct);
    }
}

/// <summary>How large a database may be.</summary>
internal static class DatabaseSize
{
    private const long BytesMin = 128L << 20;
    private const long BytesMax = 16L << 40;

    /// <exception cref="CloudException">It is too small or too large.</exception>
    public static long Require(long sizeBytes) => sizeBytes is >= BytesMin and <= BytesMax
        ? sizeBytes
        : throw CloudException.Invalid("sizeBytes", $"Expected {BytesMin} (128 MiB) to {BytesMax} (16 TiB).");
}
