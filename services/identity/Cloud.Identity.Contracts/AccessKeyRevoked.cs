namespace Cloud.Identity.Contracts;

/// <summary>From now on nobody takes a signature by this access key.</summary>
/// <param name="AccessKeyId"><c>AKIA…</c>.</param>
public sealed record AccessKeyRevoked(string AccessKeyId, DateTimeOffset At);
