using System.Text;
using System.Text.RegularExpressions;

namespace Cloud.Vmm.Oci;

/// <summary>What the runtime said on the shim's standard error, for the user.</summary>
internal static partial class RuntimeLog
{
    private const int TailBytes = 8192;
    private const int LengthMax = 300;

    /// <summary>The last error from an offset on; null for none.</summary>
    public static string? LastError(string folder, long offset)
    {
        var path = Path.Combine(folder, VmFolder.ProcessLog);
        if (!File.Exists(path))
        {
            return null;
        }

        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var length = RandomAccess.GetLength(file);
        var from = Math.Max(Math.Min(offset, length), length - TailBytes);
        var bytes = new byte[length - from];
        var read = RandomAccess.Read(file, bytes, from);
        return LastError(Encoding.UTF8.GetString(bytes, 0, read))?.Replace(folder, "…", StringComparison.Ordinal);
    }

    /// <summary>The last error in what the runtime printed; null for none.</summary>
    public static string? LastError(string said)
    {
        var last = ErrorLine().Matches(said).LastOrDefault();
        if (last is null)
        {
            return null;
        }

        var message = last.Groups[1].Value.Replace("\\\"", "\"", StringComparison.Ordinal);
        var at = message.LastIndexOf(": exec: ", StringComparison.Ordinal);
        var text = at < 0 ? message : $"The command cannot be started{message[at..]}";
        var shown = new string(text.Where(c => !char.IsControl(c)).ToArray());
        return shown.Length <= LengthMax ? shown : shown[..LengthMax];
    }

    [GeneratedRegex("""level=error msg="((?:[^"\\]|\\.)*)""", RegexOptions.CultureInvariant)]
    private static partial Regex ErrorLine();
}
