namespace Cloud.Identity.Contracts;

/// <summary>A call was answered with 401 or 403: the gateway tells it for the audit log.</summary>
public sealed record CallRefused
{
    /// <summary>Unique, so that one told twice is written once.</summary>
    public required string Id { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>The user's id; null where no valid token came.</summary>
    public string? Subject { get; init; }

    /// <summary>The token's id; null where no valid token came.</summary>
    public string? Token { get; init; }

    /// <summary>The project's id; null where no valid token came.</summary>
    public string? Project { get; init; }

    public required string Method { get; init; }

    /// <summary>Without the query, which may hold secrets.</summary>
    public required string Path { get; init; }

    /// <summary>401 or 403.</summary>
    public required int Status { get; init; }

    public string? TraceId { get; init; }

    /// <summary>The caller's IP address.</summary>
    public string? SourceAddress { get; init; }
}
