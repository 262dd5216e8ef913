using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Cloud.Compute.Host.Volumes;

/// <summary>
/// A client of QEMU's block server (doc/proto.md of the NBD project: fixed newstyle, structured replies, block status). One call at a time.
/// </summary>
internal sealed class NbdConnection : IDisposable
{
    /// <summary>How many bytes one call reads or writes at most; every server takes them.</summary>
    public const int BytesMax = 1 << 20;

    private const ulong ServerMagic = 0x4e42444d41474943;
    private const ulong OptionMagic = 0x49484156454f5054;
    private const ulong OptionReplyMagic = 0x3e889045565a9;
    private const uint RequestMagic = 0x25609513;
    private const uint SimpleReplyMagic = 0x67446698;
    private const uint StructuredReplyMagic = 0x668e33ef;
    private const uint ClientFlags = 3;
    private const uint OptionGo = 7;
    private const uint OptionStructuredReply = 8;
    private const uint OptionSetMetaContext = 10;
    private const uint ReplyAck = 1;
    private const uint ReplyInfo = 3;
    private const uint ReplyMetaContext = 4;
    private const uint ReplyErrorBit = 1u << 31;
    private const ushort Read = 0;
    private const ushort Write = 1;
    private const ushort Disconnect = 2;
    private const ushort Flush = 3;
    private const ushort BlockStatus = 7;
    private const ushort ChunkDone = 1;
    private const ushort ChunkData = 1;
    private const ushort ChunkHole = 2;
    private const ushort ChunkStatus = 5;
    private const ushort ChunkErrorBit = 1 << 15;
    private const int PayloadMax = BytesMax + 64;

    /// <summary>How many of a disk's files a read passes through until it finds a byte; 0 where none has it.</summary>
    private const string AllocationDepth = "qemu:allocation-depth";

    private readonly NetworkStream _stream;
    private readonly byte[] _head = new byte[32];
    private uint _depthContext;

    private NbdConnection(Socket socket) => _stream = new NetworkStream(socket, ownsSocket: true);

    public long SizeBytes { get; private set; }

    public static async Task<NbdConnection> OpenAsync(Socket socket, CancellationToken ct)
    {
        var connection = new NbdConnection(socket);
        try
        {
            await connection.NegotiateAsync(ct);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public async Task ReadAsync(long offset, Memory<byte> bytes, CancellationToken ct)
    {
        await RequestAsync(Read, offset, bytes.Length, ct);
        var done = false;
        while (!done)
        {
            var (type, length, last) = await ReadChunkAsync(ct);
            done = last;
            switch (type)
            {
                case ChunkData:
                    var at = await PlaceAsync();
                    await _stream.ReadExactlyAsync(bytes.Slice(at, length - sizeof(ulong)), ct);
                    break;
                case ChunkHole:
                    var hole = await PlaceAsync();
                    await _stream.ReadExactlyAsync(_head.AsMemory(0, sizeof(uint)), ct);
                    bytes.Slice(hole, checked((int)BinaryPrimitives.ReadUInt32BigEndian(_head))).Span.Clear();
                    break;
                default:
                    await SkipAsync(length, ct);
                    break;
            }
        }

        async Task<int> PlaceAsync()
        {
            await _stream.ReadExactlyAsync(_head.AsMemory(0, sizeof(ulong)), ct);
            return checked((int)((long)BinaryPrimitives.ReadUInt64BigEndian(_head) - offset));
        }
    }

    public async Task WriteAsync(long offset, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        await RequestAsync(Write, offset, bytes.Length, ct);
        await _stream.WriteAsync(bytes, ct);
        await AwaitDoneAsync(ct);
    }

    /// <summary>All that was written is on the disk when this ends.</summary>
    public async Task FlushAsync(CancellationToken ct)
    {
        await RequestAsync(Flush, 0, 0, ct);
        await AwaitDoneAsync(ct);
    }

    /// <summary>The extents from an offset on, with the depth of the file that has each; at least one, not always to the end.</summary>
    public async Task<IReadOnlyList<(long LengthBytes, uint Depth)>> ReadDepthsAsync(long offset, int length, CancellationToken ct)
    {
        await RequestAsync(BlockStatus, offset, length, ct);
        var extents = new List<(long, uint)>();
        var done = false;
        while (!done)
        {
            var (type, bytes, last) = await ReadChunkAsync(ct);
            done = last;
            var payload = ArrayPool<byte>.Shared.Rent(bytes);
            try
            {
                await _stream.ReadExactlyAsync(payload.AsMemory(0, bytes), ct);
                if (type == ChunkStatus && BinaryPrimitives.ReadUInt32BigEndian(payload) == _depthContext)
                {
                    for (var at = sizeof(uint); at + 8 <= bytes; at += 8)
                    {
                        extents.Add((
                            BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(at)),
                            BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(at + 4))));
                    }
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(payload);
            }
        }

        return extents.Count > 0 ? extents : throw new IOException("The block server told nothing of what it has.");
    }

    /// <summary>Ends the session; the server ends with it.</summary>
    public void Dispose()
    {
        try
        {
            Head(RequestMagic, Disconnect, 0, 0);
            _stream.Write(_head, 0, 28);
        }
        catch (IOException)
        {
            // It is gone already.
        }

        _stream.Dispose();
    }

    private async Task NegotiateAsync(CancellationToken ct)
    {
        await _stream.ReadExactlyAsync(_head.AsMemory(0, 18), ct);
        Require(
            BinaryPrimitives.ReadUInt64BigEndian(_head) == ServerMagic
            && BinaryPrimitives.ReadUInt64BigEndian(_head.AsSpan(8)) == OptionMagic, "greeting");
        BinaryPrimitives.WriteUInt32BigEndian(_head, ClientFlags);
        await _stream.WriteAsync(_head.AsMemory(0, sizeof(uint)), ct);
        await OptAsync(OptionStructuredReply, [], (_, _) => { }, ct);
        await OptAsync(OptionSetMetaContext, MetaContext(), (type, payload) =>
        {
            if (type == ReplyMetaContext)
            {
                _depthContext = BinaryPrimitives.ReadUInt32BigEndian(payload);
            }
        }, ct);
        await OptAsync(OptionGo, new byte[6], (type, payload) =>
        {
            if (type == ReplyInfo && BinaryPrimitives.ReadUInt16BigEndian(payload) == 0)
            {
                SizeBytes = (long)BinaryPrimitives.ReadUInt64BigEndian(payload.AsSpan(2));
            }
        }, ct);
    }

    /// <summary>Of the export without a name, one context.</summary>
    private static byte[] MetaContext()
    {
        var name = Encoding.ASCII.GetBytes(AllocationDepth);
        var bytes = new byte[12 + name.Length];
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), 1);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), (uint)name.Length);
        name.CopyTo(bytes, 12);
        return bytes;
    }

    private async Task OptAsync(uint option, byte[] data, Action<uint, byte[]> take, CancellationToken ct)
    {
        var request = new byte[16 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(request, OptionMagic);
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(8), option);
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(12), (uint)data.Length);
        data.CopyTo(request, 16);
        await _stream.WriteAsync(request, ct);
        while (true)
        {
            await _stream.ReadExactlyAsync(_head.AsMemory(0, 20), ct);
            Require(BinaryPrimitives.ReadUInt64BigEndian(_head) == OptionReplyMagic, "reply to an option");
            var type = BinaryPrimitives.ReadUInt32BigEndian(_head.AsSpan(12));
            var payload = new byte[LengthOf(BinaryPrimitives.ReadUInt32BigEndian(_head.AsSpan(16)))];
            await _stream.ReadExactlyAsync(payload, ct);
            Require((type & ReplyErrorBit) == 0, $"refusal of option {option}");
            if (type == ReplyAck)
            {
                return;
            }

            take(type, payload);
        }
    }

    private Task RequestAsync(ushort type, long offset, int length, CancellationToken ct)
    {
        Head(RequestMagic, type, offset, length);
        return _stream.WriteAsync(_head.AsMemory(0, 28), ct).AsTask();
    }

    private void Head(uint magic, ushort type, long offset, int length)
    {
        _head.AsSpan().Clear();
        BinaryPrimitives.WriteUInt32BigEndian(_head, magic);
        BinaryPrimitives.WriteUInt16BigEndian(_head.AsSpan(6), type);
        BinaryPrimitives.WriteInt64BigEndian(_head.AsSpan(16), offset);
        BinaryPrimitives.WriteInt32BigEndian(_head.AsSpan(24), length);
    }

    private async Task AwaitDoneAsync(CancellationToken ct)
    {
        var done = false;
        while (!done)
        {
            var (_, length, last) = await ReadChunkAsync(ct);
            done = last;
            await SkipAsync(length, ct);
        }
    }

    /// <summary>The head of a reply's next part: its type, how many bytes follow, and whether it is the last.</summary>
    private async Task<(ushort Type, int LengthBytes, bool Last)> ReadChunkAsync(CancellationToken ct)
    {
        await _stream.ReadExactlyAsync(_head.AsMemory(0, 16), ct);
        var magic = BinaryPrimitives.ReadUInt32BigEndian(_head);
        if (magic == SimpleReplyMagic)
        {
            Require(BinaryPrimitives.ReadUInt32BigEndian(_head.AsSpan(4)) == 0, "error of the disk");
            return (0, 0, true);
        }

        Require(magic == StructuredReplyMagic, "reply");
        await _stream.ReadExactlyAsync(_head.AsMemory(16, 4), ct);
        var type = BinaryPrimitives.ReadUInt16BigEndian(_head.AsSpan(6));
        Require((type & ChunkErrorBit) == 0, "error of the disk");
        var last = (BinaryPrimitives.ReadUInt16BigEndian(_head.AsSpan(4)) & ChunkDone) != 0;
        return (type, LengthOf(BinaryPrimitives.ReadUInt32BigEndian(_head.AsSpan(16))), last);
    }

    private async Task SkipAsync(int length, CancellationToken ct)
    {
        if (length > 0)
        {
            await _stream.ReadExactlyAsync(new byte[length], ct);
        }
    }

    private static int LengthOf(uint length)
    {
        Require(length <= PayloadMax, "length");
        return (int)length;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new IOException($"The block server gave an unexpected {what}.");
        }
    }
}
