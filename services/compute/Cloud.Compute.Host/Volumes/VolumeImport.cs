using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;
using Cloud.Primitives;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Volumes;

/// <summary>
/// Takes a qcow2 file as a volume's content. It comes in parts, beside the volume; nothing is read through it before all of it is there and
/// was checked, and no file that it names is ever opened.
/// </summary>
internal sealed class VolumeImport(VolumeFiles files, HostAgent agent, TimeProvider time)
{
    /// <summary>What one call copies.</summary>
    private const long CopyBytesMax = 1L << 30;

    private const int StatusBytesMax = 1 << 30;

    /// <summary>So much of the host's disk is left to others.</summary>
    private const long FreeBytesMin = 1L << 30;

    /// <summary>
    /// A qcow2 file is longer than its disk by its tables: with the smallest clusters by less than a sixteenth, and a little.
    /// </summary>
    private const int TablesShare = 16;
    private const long TablesBytes = 16L << 20;

    public async Task StageAsync(string volume, long offset, Stream content, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        var record = Require(volume);
        agent.RequireFree(volume);
        await using var file = new FileStream(files.IncomingOf(volume), new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        if (offset < 0 || offset > file.Length)
        {
            throw CloudException.Conflict("content-incomplete", $"{file.Length} bytes of the file are there: go on from there.");
        }

        var bytesMax = record.SizeBytes + (record.SizeBytes / TablesShare) + TablesBytes;
        var buffer = new byte[NbdConnection.BytesMax];
        file.Position = offset;
        while (await content.ReadAsync(buffer, ct) is > 0 and var count)
        {
            if (file.Position + count > bytesMax)
            {
                throw CloudException.Invalid("content", $"The file is longer than any of a volume of {record.SizeBytes} bytes.");
            }

            if (files.FreeBytes < FreeBytesMin + count)
            {
                throw new CloudException(ErrorKind.Unavailable, "disk-full", "The host's disk has no room for it now.");
            }

            await file.WriteAsync(buffer.AsMemory(0, count), ct);
        }

        file.Flush(flushToDisk: true);
    }

    public async Task<long?> RunAsync(string volume, long fileBytes, long from, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        var record = Require(volume);
        agent.RequireFree(volume);
        var incoming = files.IncomingOf(volume);
        var there = File.Exists(incoming) ? new FileInfo(incoming).Length : 0;
        if (there < fileBytes)
        {
            throw CloudException.Conflict("content-incomplete", $"{there} bytes of the file are there: go on from there.");
        }

        using (var file = File.OpenHandle(incoming, FileMode.Open, FileAccess.Write))
        {
            // What an upload before this one left behind its end.
            RandomAccess.SetLength(file, fileBytes);
        }

        var diskBytes = await DiskInspection.RequireAsync(incoming, DiskFile.Qcow2, ct);
        if (diskBytes > record.SizeBytes)
        {
            throw CloudException.Invalid("content", $"The file's disk has {diskBytes} bytes, the volume {record.SizeBytes}: resize it.");
        }

        files.Settle(record, open: null);
        using var source = await BlockServer.StartAsync([new VmDiskLayer(incoming, VmDiskFormat.Qcow2)], readOnly: true, time, ct);
        using var target = await BlockServer.StartAsync(
            Require(volume).Layers.Select(files.Open).ToList(), readOnly: false, time, ct);
        var next = await CopyAsync(source.Disk, target.Disk, Math.Max(0, from), Math.Min(diskBytes, source.Disk.SizeBytes), ct);
        await target.Disk.FlushAsync(ct);
        if (next is null)
        {
            File.Delete(incoming);
        }

        return next;
    }

    /// <summary>What the source has is written; where it has nothing and the target has something, zeros are.</summary>
    private static async Task<long?> CopyAsync(NbdConnection source, NbdConnection target, long from, long end, CancellationToken ct)
    {
        var (buffer, zeros) = (new byte[NbdConnection.BytesMax], new byte[NbdConnection.BytesMax]);
        long copied = 0;
        for (var at = from; at < end;)
        {
            var window = (int)Math.Min(StatusBytesMax, end - at);
            var (length, sourceDepth) = (await source.ReadDepthsAsync(at, window, ct))[0];
            length = Math.Min(length, end - at);
            if (sourceDepth == 0)
            {
                var (there, targetDepth) = (await target.ReadDepthsAsync(at, (int)Math.Min(StatusBytesMax, length), ct))[0];
                length = Math.Min(length, there);
                if (targetDepth == 0)
                {
                    at += length;
                    continue;
                }
            }

            var stop = at + length;
            while (at < stop)
            {
                var chunk = (int)Math.Min(buffer.Length, stop - at);
                if (sourceDepth > 0)
                {
                    await source.ReadAsync(at, buffer.AsMemory(0, chunk), ct);
                }

                await target.WriteAsync(at, (sourceDepth > 0 ? buffer : zeros).AsMemory(0, chunk), ct);
                at += chunk;
                copied += chunk;
                if (copied >= CopyBytesMax)
                {
                    return at;
                }
            }
        }

        return null;
    }

    private VolumeRecord Require(string volume) => files.FindVolume(volume) ?? throw CloudException.NotFound("volume", volume);

    private async Task<IDisposable> TurnAsync(CancellationToken ct)
    {
        await agent.AdoptedAsync(ct);
        return await files.TurnAsync(ct);
    }
}
