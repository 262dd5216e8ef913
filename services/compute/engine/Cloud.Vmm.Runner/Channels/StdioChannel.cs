namespace Cloud.Vmm.Runner.Channels;

/// <summary>This process's own standard input and output. Ctrl-A x ends the process, as in QEMU.</summary>
internal sealed class StdioChannel(Action quit) : IChannel
{
    private const byte Escape = 1;

    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly SemaphoreSlim _room = new(0, 1);
    private bool _escaped;

    public ChannelInput? Input { get; set; }

    public Action<bool>? OpenChanged { get; set; }

    public bool AlwaysOpen => true;

    public void Start() => new Thread(ReadAll) { IsBackground = true, Name = "stdin" }.Start();

    public void Write(ReadOnlySpan<byte> bytes)
    {
        _output.Write(bytes);
        _output.Flush();
    }

    public void RoomMade()
    {
        if (_room.CurrentCount == 0)
        {
            _room.Release();
        }
    }

    public void Dispose() => _output.Flush();

    private void ReadAll()
    {
        using Stream input = Console.OpenStandardInput();
        byte[] buffer = new byte[256];
        for (int size = input.Read(buffer); size > 0; size = input.Read(buffer))
        {
            foreach (byte value in buffer.AsSpan(0, size))
            {
                Take(value);
            }
        }
    }

    private void Take(byte value)
    {
        if (_escaped && value is (byte)'x' or (byte)'X')
        {
            quit();
            return;
        }

        bool begins = value == Escape && !_escaped;
        _escaped = begins;
        while (!begins && Input?.Invoke([value]) == 0)
        {
            _room.Wait();
        }
    }
}
