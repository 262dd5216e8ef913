namespace Cloud.Switch.Client;

/// <summary>The switch refused.</summary>
/// <param name="code">Stable, for programs: see <see cref="SwitchError"/>.</param>
/// <param name="message">What is wrong.</param>
public sealed class SwitchException(string code, string message) : Exception(message)
{
    public string Code { get; } = code;
}
