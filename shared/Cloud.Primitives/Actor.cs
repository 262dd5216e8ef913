namespace Cloud.Primitives;

/// <summary>Who asked for what is being done. The edge sets it for a request; it is null where the cloud acts of its own.</summary>
/// <param name="Subject">The user, as the token names them.</param>
/// <param name="Token">The id of the token that was used.</param>
/// <param name="Role">The role it was used with: <c>viewer</c>, <c>editor</c>, <c>owner</c>, <c>admin</c>.</param>
public sealed record Actor(string Subject, string Token, string Role)
{
    private static readonly AsyncLocal<Actor?> Ambient = new();

    /// <summary>The IP address that the request came from, where it is known.</summary>
    public string? SourceAddress { get; init; }

    /// <summary>The actor of the work that runs here; it flows with awaits.</summary>
    public static Actor? Current
    {
        get => Ambient.Value;
        set => Ambient.Value = value;
    }
}
