namespace Cloud.Switch.Ports;

/// <summary>
/// Frames that wait for room in a guest's socket, in order. Bounded: what finds it full is dropped, as a real switch does.
/// </summary>
/// <param name="lengthMax">The longest that waits.</param>
internal sealed class FrameQueue(int lengthMax)
{
    /// <summary>Several connections' full windows of 64 KiB.</summary>
    public const int FramesMax = 256;

    private readonly byte[]?[] _frames = new byte[FramesMax][];
    private readonly int[] _lengths = new int[FramesMax];
    private int _first;

    public int Count { get; private set; }

    public ReadOnlySpan<byte> First => _frames[_first].AsSpan(0, _lengths[_first]);

    public bool TryAdd(ReadOnlySpan<byte> frame)
    {
        if (Count == FramesMax)
        {
            return false;
        }

        var at = (_first + Count) % FramesMax;
        // Made once and kept: a queue that was full once is full again soon.
        var room = _frames[at] ??= new byte[lengthMax];
        frame.CopyTo(room);
        _lengths[at] = frame.Length;
        Count++;
        return true;
    }

    public void RemoveFirst()
    {
        _first = (_first + 1) % FramesMax;
        Count--;
    }

    /// <summary>Drops what waits, and the memory it waited in.</summary>
    public void Clear()
    {
        Array.Clear(_frames);
        Count = 0;
    }
}
