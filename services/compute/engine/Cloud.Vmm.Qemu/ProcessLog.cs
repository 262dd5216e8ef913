using System.Text;
using System.Text.RegularExpressions;

namespace Cloud.Vmm.Qemu;

/// <summary>What a machine's process said on its standard error, for the user: its last line, with no path of the host.</summary>
internal static partial class ProcessLog
{
    private const int TailBytes = 4096;
    private const int LineLengthMax = 300;

    public static long Length(string folder) =>
        new FileInfo(Path.Combine(folder, VmFolder.ProcessLog)) is { Exists: true } file ? file.Length : 0;

    /// <summary>The last line from an offset on; null for none.</summary>
    public static string? LastLine(string folder, long offset)
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
        return LastLine(Encoding.UTF8.GetString(bytes, 0, read));
    }

    /// <summary>The last line of a text; null for none.</summary>
    public static string? LastLine(string text)
    {
        var line = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
        if (line is null)
        {
            return null;
        }

        line = HostPath().Replace(Prefix().Replace(line, ""), "…");
        line = new string(line.Where(c => !char.IsControl(c)).ToArray());
        return line.Length <= LineLengthMax ? line : line[..LineLengthMax];
    }

    /// <summary>The time and the program's name that each line starts with.</summary>
    [GeneratedRegex(@"^(\S+Z )?(qemu-system-\w+|setpriv): ", RegexOptions.CultureInvariant)]
    private static partial Regex Prefix();

    [GeneratedRegex(@"\.*/[^\s'"",:)]+", RegexOptions.CultureInvariant)]
    private static partial Regex HostPath();
}
