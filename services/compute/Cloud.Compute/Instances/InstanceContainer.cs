using Cloud.Compute.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Instances;

/// <summary>What was asked of a container beyond its image.</summary>
internal sealed record InstanceContainer
{
    private const int WordsMax = 1024;
    private const int WordLengthMax = 32 << 10;
    private const int VariablesMax = 512;

    /// <summary>Null for the image's own.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    public bool ReadOnlyRoot { get; init; }

    /// <summary>Where volumes are mounted, by their ids.</summary>
    public IReadOnlyDictionary<string, string> Mounts { get; init; } = new Dictionary<string, string>();

    /// <summary>It has no network card; one of a service's own.</summary>
    public bool HasNoNetwork { get; init; }

    /// <summary>What listens on its host for it.</summary>
    public IReadOnlyList<InstanceListener> Listeners { get; init; } = [];

    public static InstanceContainer Of(CreateInstanceRequest request, IReadOnlyDictionary<string, string> mounts) => new()
    {
        Mounts = mounts,
        Command = request.Command,
        Environment = request.Environment ?? new Dictionary<string, string>(),
        ReadOnlyRoot = request.ReadOnlyRoot,
    };

    /// <summary>The form of what is asked, whatever the image.</summary>
    public static void Check(CreateInstanceRequest request, FieldErrors errors)
    {
        errors.Require(
            request.Command is null || (request.Command.Count is >= 1 and <= WordsMax && request.Command.All(IsWord)), "command",
            $"Expected 1 to {WordsMax} strings with no NUL, the program first.");
        errors.Require(
            request.Environment is null
            || (request.Environment.Count <= VariablesMax
                && request.Environment.All(variable => IsName(variable.Key) && IsWord(variable.Value))),
            "environment",
            $"Expected at most {VariablesMax} strings by their names; a name has letters, digits and '_'.");
    }

    /// <summary>What an image of the one kind takes, one of the other does not.</summary>
    public static void CheckFit(CreateInstanceRequest request, bool isContainer, FieldErrors errors)
    {
        errors.Require(
            request.Engine == "auto" || request.Engine == "container" == isContainer, "engine",
            isContainer ? "The image is a container's: expected auto or container." : "The image is no container's.");
        errors.Require(isContainer || request.Command is null, "command", "Only a container takes one.");
        errors.Require(isContainer || request.Environment is null, "environment", "Only a container takes one.");
        errors.Require(isContainer || !request.ReadOnlyRoot, "readOnlyRoot", "Only a container has a root that can be read only.");
        errors.Require(
            isContainer || (request.Volumes ?? []).All(volume => volume.MountPath is null), "volumes",
            "Only a container has volumes mounted: leave mountPath out.");
        errors.Require(!isContainer || request.UserData is null, "userData", "A container boots nothing that would run it: use command.");
        errors.Require(!isContainer || request.KeyPair is null, "keyPair", "A container has no login: use exec.");
    }

    private static bool IsWord(string? word) => word is { Length: <= WordLengthMax } && !word.Contains('\0', StringComparison.Ordinal);

    private static bool IsName(string name) =>
        name.Length is > 0 and <= 256 && !char.IsAsciiDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');
}
