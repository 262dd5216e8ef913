using System.Buffers.Binary;

namespace Cloud.Vmm.RiscV.Devices.Virtio.Scsi;

/// <summary>The SCSI host (virtio 1.2 §5.6) with one CD-ROM at target 0, unit 0.</summary>
internal sealed class VirtioScsi(ScsiCdRom disc) : VirtioDevice
{
    private const int ControlQueue = 0;
    private const int RequestQueue = 2;
    private const int SenseSize = 96;
    private const int CommandSize = 32;
    private const int RequestSize = 19 + CommandSize;
    private const int ResponseSize = 12 + SenseSize;
    private const int ControlRequestMax = 32;
    private const byte ResponseOk = 0;
    private const byte ResponseBadTarget = 3;

    // A command's data is moved whole; a read of a disc asks for no more than this.
    private const int TransferMax = 1 << 20;

    private readonly byte[] _configuration = BuildConfiguration();

    internal override uint DeviceId => 8;

    internal override ulong Features => 0;

    internal override int QueueCount => 3;

    internal override byte ReadConfiguration(int offset) => offset < _configuration.Length ? _configuration[offset] : (byte)0;

    internal override void Process(int queue)
    {
        if (queue is not (ControlQueue or RequestQueue))
        {
            return;
        }

        while (Queues[queue].Pop() is { } chain)
        {
            if (queue == ControlQueue)
            {
                Control(chain);
            }
            else
            {
                Serve(chain);
            }

            Complete(queue, chain);
        }
    }

    private static byte[] BuildConfiguration()
    {
        byte[] bytes = new byte[36];
        ReadOnlySpan<uint> words = [1, 126, TransferMax / 512, 128, 0, SenseSize, CommandSize];
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * sizeof(uint)), words[i]);
        }

        return bytes;
    }

    /// <summary>Task management: a command is over before the next request is read, so every abort or reset has been done.</summary>
    private static void Control(DescriptorChain chain)
    {
        Span<byte> request = stackalloc byte[ControlRequestMax];
        chain.Read(0, request);
        bool taskManagement = BinaryPrimitives.ReadUInt32LittleEndian(request) == 0;

        // The answer to a task is one byte; to an event subscription the events, none, and that byte.
        chain.Write(0, taskManagement ? [ResponseOk] : [0, 0, 0, 0, ResponseOk]);
    }

    private void Serve(DescriptorChain chain)
    {
        Span<byte> request = stackalloc byte[RequestSize];
        if (chain.Read(0, request) < RequestSize || chain.WritableBytes < ResponseSize)
        {
            throw new BrokenQueueException("A SCSI request has no header or no room for its response.");
        }

        Span<byte> response = stackalloc byte[ResponseSize];
        response.Clear();
        bool here = request[0] == 1 && request[1] == 0;
        bool firstUnit = (BinaryPrimitives.ReadUInt16BigEndian(request[2..]) & 0x3FFF) == 0;
        if (!here)
        {
            response[11] = ResponseBadTarget;
            chain.Write(0, response);
            return;
        }

        int room = (int)Math.Min(chain.WritableBytes - ResponseSize, TransferMax);
        ScsiAnswer answer = disc.Run(request.Slice(19, CommandSize), room, firstUnit);
        int sent = chain.Write(ResponseSize, answer.Data);
        BinaryPrimitives.WriteUInt32LittleEndian(response, (uint)answer.Sense.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(response[4..], (uint)(room - sent));
        response[10] = answer.Status;
        response[11] = ResponseOk;
        answer.Sense.CopyTo(response[12..]);
        chain.Write(0, response);
    }
}
