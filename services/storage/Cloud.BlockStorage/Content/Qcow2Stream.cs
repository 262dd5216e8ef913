using Cloud.Compute.Contracts;

namespace Cloud.BlockStorage.Content;

/// <summary>A disk's bytes as a qcow2 file, as <see cref="Qcow2Layout"/> says where they are; sought in like a file.</summary>
/// <param name="layout">The file.</param>
/// <param name="disk">The disk's bytes.</param>
internal sealed class Qcow2Stream(Qcow2Layout layout, Stream disk) : Stream
{
    /// <summary>So many extents are held in memory while it is read.</summary>
    private const int ExtentsPerPage = 10_000;

    private readonly byte[] _cluster = new byte[Qcow2Layout.ClusterBytes];
    private long _filled = -1;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => layout.FileBytes;

    public override long Position { get; set; }

    /// <summary>Asks for what a snapshot has, or a volume that no instance has.</summary>
    public static async Task<Qcow2Stream> OpenAsync(
        IVolumeHosts hosts, string host, string source, long sizeBytes, Stream disk, CancellationToken ct)
    {
        var extents = new List<HostedExtent>();
        for (long? offset = 0; offset is { } at;)
        {
            var page = await hosts.ListExtentsAsync(host, source, null, at, ExtentsPerPage, ct);
            extents.AddRange(page.Extents);
            offset = page.NextOffset;
        }

        return new Qcow2Stream(new Qcow2Layout(sizeBytes, extents), disk);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Position >= Length || buffer.IsEmpty)
        {
            return 0;
        }

        var cluster = Position / Qcow2Layout.ClusterBytes;
        var within = (int)(Position % Qcow2Layout.ClusterBytes);
        var part = buffer[..Math.Min(buffer.Length, Qcow2Layout.ClusterBytes - within)];
        if (layout.DiskOffsetOf(cluster) is { } offset)
        {
            await ReadDiskAsync(offset + within, part, cancellationToken);
        }
        else
        {
            if (_filled != cluster)
            {
                layout.Fill(cluster, _cluster);
                _filled = cluster;
            }

            _cluster.AsMemory(within, part.Length).CopyTo(part);
        }

        Position += part.Length;
        return part.Length;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("It is read asynchronously.");

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => Length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await disk.DisposeAsync();
        await base.DisposeAsync();
    }

    /// <summary>The disk's last cluster may end before the file's does.</summary>
    private async Task ReadDiskAsync(long offset, Memory<byte> part, CancellationToken ct)
    {
        var there = (int)Math.Clamp(disk.Length - offset, 0, part.Length);
        disk.Position = offset;
        await disk.ReadExactlyAsync(part[..there], ct);
        part[there..].Span.Clear();
    }
}
