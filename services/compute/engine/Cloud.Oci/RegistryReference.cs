using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Cloud.Oci;

/// <summary>
/// An image in a registry (distribution-spec): <c>registry.example.org/name:tag</c> or <c>registry.example.org/name@sha256:…</c>.
/// </summary>
/// <param name="Registry">The registry's address: scheme, host and port.</param>
/// <param name="Name">The repository's name there.</param>
/// <param name="Version">A tag or a digest.</param>
public sealed partial record RegistryReference(Uri Registry, string Name, string Version)
{
    public const string Form =
        "Expected REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:…, with http:// before it where the registry does not speak TLS.";

    private const int LengthMax = 512;
    private const string DefaultTag = "latest";

    public bool IsDigest => Version.StartsWith("sha256:", StringComparison.Ordinal);

    public static bool TryParse(string? text, [NotNullWhen(true)] out RegistryReference? reference)
    {
        reference = null;
        if (text is not { Length: > 0 and <= LengthMax } || TextForm().Match(text) is not { Success: true } match)
        {
            return false;
        }

        var scheme = match.Groups["scheme"].Success ? match.Groups["scheme"].Value : "https";
        if (!Uri.TryCreate($"{scheme}://{match.Groups["host"].Value}/", UriKind.Absolute, out var registry))
        {
            return false;
        }

        var version = match.Groups["digest"] is { Success: true } digest ? digest.Value
            : match.Groups["tag"] is { Success: true } tag ? tag.Value : DefaultTag;
        reference = new RegistryReference(registry, match.Groups["name"].Value, version);
        return true;
    }

    public override string ToString() => $"{Registry}{Name}{(IsDigest ? '@' : ':')}{Version}";

    [GeneratedRegex(
        """
        \A(?:(?<scheme>https?)://)?(?<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?)
        /(?<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)
        (?::(?<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})|@(?<digest>sha256:[0-9a-f]{64}))?\z
        """,
        RegexOptions.CultureInvariant | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex TextForm();
}
