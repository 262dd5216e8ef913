namespace Cloud.Compute.Contracts;

/// <summary>Why no container can be made now.</summary>
/// <param name="Reason">Null where one can.</param>
public sealed record ContainerRefusal(string? Reason);
