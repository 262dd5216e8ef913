namespace Cloud.Gateway.Events;

/// <summary>Which events a stream shows.</summary>
/// <param name="Project">The id of the one project; null for all.</param>
/// <param name="Type">A type (<c>instance.running</c>) or a kind (<c>instance</c>); null for all.</param>
/// <param name="Resource">The id of the one resource; null for all.</param>
internal sealed record EventFilter(string? Project, string? Type, string? Resource)
{
    public bool Matches(StreamedEvent happened) =>
        (Project is null || Project == happened.Project) && (Resource is null || Resource == happened.Resource)
            && (Type is null || MatchesType(happened.Type));

    private bool MatchesType(string type) =>
        type == Type || (type.Length > Type!.Length && type[Type.Length] == '.' && type.StartsWith(Type, StringComparison.Ordinal));
}
