namespace Cloud.Primitives;

/// <summary>One page of a list.</summary>
/// <param name="Items">In a stable order.</param>
/// <param name="NextCursor">Where the next page starts; null on the last.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);
