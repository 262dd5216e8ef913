namespace Cloud.ServiceDefaults.Quotas;

/// <summary>The limit of a quota in a project, where identity has ever told one; the default elsewhere.</summary>
internal sealed class QuotaLimit
{
    public required string Project { get; init; }

    public required string Name { get; init; }

    /// <summary>Null for the default.</summary>
    public required long? Limit { get; init; }

    /// <summary>Of the message that told it.</summary>
    public required long Generation { get; init; }
}
