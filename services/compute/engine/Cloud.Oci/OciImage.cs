using System.Globalization;

namespace Cloud.Oci;

/// <summary>A layer: the blob that it comes in, and the SHA-256 of what it unpacks to, which is its name on a host.</summary>
public sealed record OciLayer(OciDescriptor Descriptor, string DiffHex);

/// <summary>An image as a container is made from it; checked, and bounded.</summary>
public sealed record OciImage
{
    private const int WordsMax = 1024;
    private const int WordLengthMax = 128 << 10;

    /// <summary>The digest of its manifest.</summary>
    public required string Digest { get; init; }

    /// <summary>The lowest first.</summary>
    public required IReadOnlyList<OciLayer> Layers { get; init; }

    public required IReadOnlyList<string> Entrypoint { get; init; }

    public required IReadOnlyList<string> Command { get; init; }

    public required IReadOnlyList<string> Environment { get; init; }

    public required string WorkingDirectory { get; init; }

    /// <summary>A name or a number, with a group after ':' or without; empty for root.</summary>
    public required string User { get; init; }

    /// <summary>The number of the signal that asks its process to end.</summary>
    public required int StopSignal { get; init; }

    internal static OciImage From(string digest, OciConfig config, IReadOnlyList<OciDescriptor> layers, string architecture)
    {
        if (config.Architecture is { } made && made != architecture)
        {
            throw new OciException($"The image is made for {made}, not for {architecture}.");
        }

        if (config.Os is not (null or "linux") || config.Rootfs?.DiffIds is not { } ids || ids.Count != layers.Count)
        {
            throw new OciException("The image's configuration is not for linux, or does not name each layer.");
        }

        var process = config.Process ?? new OciProcess();
        return new OciImage
        {
            Digest = digest,
            Layers = layers.Select((layer, at) => new OciLayer(layer, OciDescriptor.HexOf(ids[at]))).ToList(),
            Entrypoint = Words(process.Entrypoint),
            Command = Words(process.Cmd),
            Environment = Words(process.Env),
            WorkingDirectory = Folder(process.WorkingDir),
            User = Words([process.User ?? ""])[0],
            StopSignal = SignalOf(process.StopSignal),
        };
    }

    private static List<string> Words(IReadOnlyList<string>? words) =>
        (words ?? []).Count <= WordsMax && (words ?? []).All(
            word => word is { Length: <= WordLengthMax } && !word.Contains('\0', StringComparison.Ordinal))
            ? (words ?? []).ToList()
            : throw new OciException("The image's configuration has too many or too long words.");

    private static string Folder(string? folder) => string.IsNullOrEmpty(folder)
        ? "/"
        : folder.StartsWith('/') ? Words([folder])[0] : throw new OciException("The image's working directory is not absolute.");

    private static int SignalOf(string? signal)
    {
        if (string.IsNullOrEmpty(signal))
        {
            return Signals["TERM"];
        }

        var name = signal.StartsWith("SIG", StringComparison.Ordinal) ? signal[3..] : signal;
        return int.TryParse(signal, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= 64
            ? number
            : Signals.TryGetValue(name, out number) ? number : throw new OciException("The image's stop signal is not known.");
    }

    /// <summary>Linux's numbers on x86-64 and RISC-V.</summary>
    private static readonly Dictionary<string, int> Signals = new(StringComparer.Ordinal)
    {
        ["HUP"] = 1,
        ["INT"] = 2,
        ["QUIT"] = 3,
        ["ABRT"] = 6,
        ["KILL"] = 9,
        ["USR1"] = 10,
        ["USR2"] = 12,
        ["PIPE"] = 13,
        ["ALRM"] = 14,
        ["TERM"] = 15,
        ["CONT"] = 18,
        ["TSTP"] = 20,
        ["WINCH"] = 28,
        ["IO"] = 29,
        ["PWR"] = 30,
        ["RTMIN+3"] = 37,
    };
}
