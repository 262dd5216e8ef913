namespace Cloud.ServiceDefaults.Quotas;

/// <summary>What a project uses of a quota. Changed by <see cref="QuotaLedger"/>'s statements alone.</summary>
internal sealed class QuotaCount
{
    public required string Project { get; init; }

    public required string Name { get; init; }

    public required long Used { get; init; }

    /// <summary>Grows with each change, so that reports are put in order.</summary>
    public required long Generation { get; init; }
}
