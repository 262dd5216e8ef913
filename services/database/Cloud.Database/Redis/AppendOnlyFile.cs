using System.Globalization;
using System.Text;

namespace Cloud.Database.Redis;

/// <summary>
/// A part of Redis's log of writes: commands as they were sent (RESP), and before the first of each second a line <c>#TS:</c> with its
/// number (<c>aof-timestamp-enabled</c>).
/// </summary>
internal static class AppendOnlyFile
{
    private const string TimeMark = "#TS:";
    private const int LineMax = 64;
    private const int BufferBytes = 1 << 20;
    private const string Begin = "MULTI";
    private const string End = "EXEC";

    /// <summary>Cuts a part off after its last whole command or transaction, and before all that is later than a second's end.</summary>
    /// <param name="lastSecond">Since 1970; null for all there is.</param>
    /// <returns>Whether something was later.</returns>
    public static bool Cut(string path, long? lastSecond)
    {
        using var part = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, BufferBytes);
        return Cut(part, lastSecond);
    }

    /// <summary>The same of an open file, read from its beginning.</summary>
    public static bool Cut(FileStream part, long? lastSecond)
    {
        part.Position = 0;
        var (length, isLater) = Measure(part, lastSecond);
        part.SetLength(length);
        part.Flush(flushToDisk: true);
        return isLater;
    }

    private static (long Length, bool IsLater) Measure(FileStream reader, long? lastSecond)
    {
        var (at, whole, within) = (0L, 0L, false);
        while (ReadLine(reader, ref at) is { } line)
        {
            if (line.StartsWith(TimeMark, StringComparison.Ordinal))
            {
                if (long.TryParse(line.AsSpan(TimeMark.Length), CultureInfo.InvariantCulture, out var second) && second > lastSecond)
                {
                    return (whole, true);
                }
            }
            else if (line.StartsWith('*'))
            {
                if (!TrySkipCommand(reader, line, ref at, out var word))
                {
                    return (whole, false);
                }

                within = word == Begin || (within && word != End);
            }
            else if (!line.StartsWith('#'))
            {
                return (whole, false);
            }

            whole = within ? whole : at;
        }

        return (whole, false);
    }

    private static bool TrySkipCommand(FileStream reader, string line, ref long at, out string? word)
    {
        word = null;
        if (!int.TryParse(line.AsSpan(1), CultureInfo.InvariantCulture, out var count))
        {
            return false;
        }

        for (var argument = 0; argument < count; argument++)
        {
            if (ReadLine(reader, ref at) is not ['$', .. var size]
                || !long.TryParse(size, CultureInfo.InvariantCulture, out var length) || length < 0
                || !TrySkip(reader, length, argument == 0, ref word) || reader.ReadByte() != '\r' || reader.ReadByte() != '\n')
            {
                return false;
            }

            at += length + 2;
        }

        return true;
    }

    private static bool TrySkip(FileStream reader, long length, bool isName, ref string? word)
    {
        Span<byte> buffer = stackalloc byte[4096];
        for (var left = length; left > 0;)
        {
            var read = reader.Read(buffer[..(int)Math.Min(left, buffer.Length)]);
            if (read == 0)
            {
                return false;
            }

            if (isName && length <= LineMax)
            {
                word += Encoding.Latin1.GetString(buffer[..read]);
            }

            left -= read;
        }

        return true;
    }

    /// <summary>A line of the protocol, without its end; null where there is no whole one any more.</summary>
    private static string? ReadLine(FileStream reader, ref long at)
    {
        var line = new StringBuilder();
        while (line.Length < LineMax)
        {
            var next = reader.ReadByte();
            if (next < 0)
            {
                return null;
            }

            line.Append((char)next);
            if (next == '\n' && line.Length > 1 && line[^2] == '\r')
            {
                at += line.Length;
                return line.ToString(0, line.Length - 2);
            }
        }

        return null;
    }
}

/// <summary>
/// Which files Redis's log of writes is made of: a base that holds all there was (<c>b</c>), and parts with what was written since
/// (<c>i</c>).
/// </summary>
internal sealed record AppendOnlyManifest(AppendOnlyPart? Base, IReadOnlyList<AppendOnlyPart> Increments)
{
    public const string Name = "appendonly.aof.manifest";

    public static AppendOnlyManifest Read(string folder) => Parse(File.ReadLines(Path.Combine(folder, Name)));

    /// <summary>Of lines that may be others too.</summary>
    public static AppendOnlyManifest Parse(IEnumerable<string> lines)
    {
        var parts = lines.Select(line => line.Split(' '))
            .Where(words => words is ["file", _, "seq", _, "type", _, ..])
            .Select(words => (Part: new AppendOnlyPart(words[1], long.Parse(words[3], CultureInfo.InvariantCulture)), Type: words[5]))
            .ToList();
        return new AppendOnlyManifest(
            parts.FirstOrDefault(one => one.Type == "b").Part,
            parts.Where(one => one.Type == "i").Select(one => one.Part).OrderBy(part => part.Sequence).ToList());
    }

    /// <summary>What its file holds.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        if (Base is { } @base)
        {
            text.Append(CultureInfo.InvariantCulture, $"file {@base.Name} seq {@base.Sequence} type b\n");
        }

        foreach (var part in Increments)
        {
            text.Append(CultureInfo.InvariantCulture, $"file {part.Name} seq {part.Sequence} type i\n");
        }

        return text.ToString();
    }
}

/// <summary>A file of Redis's log of writes.</summary>
internal sealed record AppendOnlyPart(string Name, long Sequence)
{
    public static AppendOnlyPart BaseOf(long sequence) =>
        new(string.Create(CultureInfo.InvariantCulture, $"appendonly.aof.{sequence}.base.rdb"), sequence);

    public static AppendOnlyPart IncrementOf(long sequence) =>
        new(string.Create(CultureInfo.InvariantCulture, $"appendonly.aof.{sequence}.incr.aof"), sequence);
}
