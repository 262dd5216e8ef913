namespace Cloud.Identity.Quotas;

/// <summary>What a service has told of a project's use of a quota.</summary>
internal sealed class QuotaUse
{
    public required string Project { get; init; }

    public required string Name { get; init; }

    public required long Used { get; init; }

    /// <summary>Of the message that told it.</summary>
    public required long Generation { get; init; }
}
