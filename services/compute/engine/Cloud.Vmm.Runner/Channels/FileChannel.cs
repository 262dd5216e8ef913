using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner.Channels;

/// <summary>A file that gets all the guest writes; nothing comes back.</summary>
internal sealed class FileChannel(SafeFileHandle file) : IChannel
{
    private readonly FileStream _stream = new(file, FileAccess.Write, bufferSize: 0);

    public ChannelInput? Input { get; set; }

    public Action<bool>? OpenChanged { get; set; }

    public bool AlwaysOpen => true;

    public void Start()
    {
        // A pipe has no end to go to.
        if (_stream.CanSeek)
        {
            _stream.Seek(0, SeekOrigin.End);
        }
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _stream.Write(bytes);
        }
        catch (IOException full)
        {
            // The guest goes on; whoever reads the process's log learns of it.
            Console.Error.WriteLine($"cloud-vmm: a channel's file cannot be written: {full.Message}");
        }
    }

    public void RoomMade()
    {
    }

    public void Dispose() => _stream.Dispose();
}
