using System.Text.Json;
using Cloud.Compute.Host.Contracts;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// Reads the boot report that a guest writes (engine/README.md): JSON lines in a file, of which the phases since the last
/// <c>kernel</c> line count. The guest is hostile: what is no such line is passed over, and lengths are bounded.
/// </summary>
internal sealed class BootReport
{
    private const int LineLengthMax = 4096;
    private const int PhasesMax = 32;
    private const int ErrorLengthMax = 500;

    private readonly List<GuestBootPhase> _phases = [];
    private readonly List<byte> _line = [];
    private long _offset;

    public IReadOnlyList<GuestBootPhase> Phases => _phases.ToArray();

    /// <summary>The boot reached its end.</summary>
    public bool Ended => _phases.Exists(phase => phase.Phase == "ready");

    public int? UserDataExitCode => _phases.FindLast(phase => phase.Phase == "user-data")?.ExitCode;

    /// <summary>Takes in what was written since the last call; true when a phase was added.</summary>
    public bool ReadOn(string path)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var length = RandomAccess.GetLength(file);
        if (length < _offset)
        {
            _offset = 0;
            _line.Clear();
        }

        if (length == _offset)
        {
            return false;
        }

        // What a guest wrote without end was given back to the disk from its start (GuestLog).
        if (GuestLog.StartOf(file) is var start && start > _offset)
        {
            _offset = start;
            _line.Clear();
        }

        var buffer = new byte[16 * 1024];
        var added = false;
        int read;
        while (_offset < length && (read = RandomAccess.Read(file, buffer, _offset)) > 0)
        {
            _offset += read;
            foreach (var one in buffer.AsSpan(0, read))
            {
                if (one == (byte)'\n')
                {
                    added |= Take();
                    _line.Clear();
                }
                else if (_line.Count < LineLengthMax)
                {
                    _line.Add(one);
                }
            }
        }

        return added;
    }

    /// <summary>The machine was started anew: what was reported is of the run before.</summary>
    public void Clear() => _phases.Clear();

    private bool Take()
    {
        GuestBootPhase? phase;
        try
        {
            phase = Parse(_line.ToArray());
        }
        catch (JsonException)
        {
            return false;
        }

        if (phase is null)
        {
            return false;
        }

        if (phase.Phase == "kernel")
        {
            _phases.Clear();
        }

        if (_phases.Count >= PhasesMax)
        {
            return false;
        }

        _phases.Add(phase);
        return true;
    }

    private static GuestBootPhase? Parse(byte[] line)
    {
        using var document = JsonDocument.Parse(line);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("phase", out var name)
            || name.ValueKind != JsonValueKind.String || name.GetString() is not { Length: > 0 and <= 32 } phase)
        {
            return null;
        }

        return new GuestBootPhase(
            phase,
            root.TryGetProperty("uptime", out var uptime) && uptime.ValueKind == JsonValueKind.Number ? uptime.GetDouble() : null,
            root.TryGetProperty("exitCode", out var code) && code.ValueKind == JsonValueKind.Number && code.TryGetInt32(out var exit)
                ? exit
                : null,
            root.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.String ? Cut(error.GetString()!) : null);
    }

    private static string Cut(string text) => text.Length <= ErrorLengthMax ? text : text[..ErrorLengthMax];
}
