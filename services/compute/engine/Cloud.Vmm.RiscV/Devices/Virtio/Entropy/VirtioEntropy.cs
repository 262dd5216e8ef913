namespace Cloud.Vmm.RiscV.Devices.Virtio.Entropy;

/// <summary>The entropy device (virtio 1.2 §5.4): fills each buffer from the source given.</summary>
internal sealed class VirtioEntropy(FillEntropy fill) : VirtioDevice
{
    // A driver asks for some bytes at a time; a buffer beyond this is filled in part, which the specification allows.
    private const int BytesPerRequestMax = 4096;

    internal override uint DeviceId => 4;

    internal override ulong Features => 0;

    internal override int QueueCount => 1;

    internal override void Process(int queue)
    {
        Span<byte> bytes = stackalloc byte[BytesPerRequestMax];
        while (Queues[queue].Pop() is { } chain)
        {
            Span<byte> part = bytes[..(int)Math.Min(chain.WritableBytes, BytesPerRequestMax)];
            fill(part);
            chain.Write(0, part);
            Complete(queue, chain);
        }
    }
}

/// <summary>Fills a span with random bytes.</summary>
internal delegate void FillEntropy(Span<byte> bytes);
