using Cloud.Vmm;

namespace Cloud.Compute.Host.Volumes;

/// <summary>Several files that lie one over the other, written as one: each byte by the nearest that has it.</summary>
internal static class LayerCopy
{
    private const int ChunkBytes = NbdConnection.BytesMax;
    private const int StatusBytesMax = 1 << 30;

    /// <summary>After so many bytes it rests for as long as they took: a guest has the disk for itself half of the time.</summary>
    private const int RestBytes = 16 << 20;

    /// <summary>So much of the host's disk is left to who writes.</summary>
    private const long FreeBytesMin = 1L << 30;

    /// <summary>Whether the disk of a folder has room for a copy.</summary>
    public static bool HasRoom(string folder, long bytes) => new DriveInfo(folder).AvailableFreeSpace >= FreeBytesMin + bytes;

    /// <summary>Writes what the files have. Durable when this ends.</summary>
    /// <param name="from">The files.</param>
    /// <param name="merged">The new one, which is empty.</param>
    /// <param name="had">Told which of the files, counted from the nearest, had each range.</param>
    /// <param name="time">What it rests by.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="IOException">A file could not be read or written.</exception>
    public static async Task WriteAsync(
        NbdConnection from, VmDiskLayer merged, Action<int, long, long> had, TimeProvider time, CancellationToken ct)
    {
        var buffer = new byte[ChunkBytes];
        var (began, copied) = (time.GetTimestamp(), 0);
        using var to = await BlockServer.StartAsync([merged], readOnly: false, time, ct);
        for (long at = 0; at < from.SizeBytes;)
        {
            foreach (var (length, depth) in await from.ReadDepthsAsync(at, (int)Math.Min(StatusBytesMax, from.SizeBytes - at), ct))
            {
                var end = Math.Min(at + length, from.SizeBytes);
                if (depth == 0)
                {
                    at = end;
                    continue;
                }

                had((int)depth - 1, at, end);
                for (; at < end; at += ChunkBytes)
                {
                    var chunk = buffer.AsMemory(0, (int)Math.Min(ChunkBytes, end - at));
                    await from.ReadAsync(at, chunk, ct);

                    // Zeros too: they hide what lies below, and are told as written.
                    await to.Disk.WriteAsync(at, chunk, ct);
                    copied += chunk.Length;
                    if (copied >= RestBytes)
                    {
                        await Task.Delay(time.GetElapsedTime(began), time, ct);
                        (began, copied) = (time.GetTimestamp(), 0);
                    }
                }

                at = end;
            }
        }

        await to.Disk.FlushAsync(ct);
    }
}
