using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices.Virtio;

/// <summary>
/// What a device does behind the transport. <see cref="Process"/> and <see cref="Reset"/> never run at the same time for one device.
/// </summary>
internal abstract class VirtioDevice
{
    private VirtioMmio? _transport;

    /// <summary>The device type (virtio 1.2 §5).</summary>
    internal abstract uint DeviceId { get; }

    /// <summary>The feature bits offered, without those of the transport.</summary>
    internal abstract ulong Features { get; }

    internal abstract int QueueCount { get; }

    /// <summary>The transport's queues; there once the device is plugged in.</summary>
    protected Virtqueue[] Queues => _transport?.Queues ?? [];

    /// <summary>The features that the driver took.</summary>
    protected ulong Negotiated => _transport?.Negotiated ?? 0;

    internal void Plug(VirtioMmio transport) => _transport = transport;

    /// <summary>Looks at a queue that the driver notified.</summary>
    internal abstract void Process(int queue);

    /// <summary>The driver reset the device, or the board was.</summary>
    internal virtual void Reset()
    {
    }

    /// <summary>Writes what the device knows beside the transport and its queues.</summary>
    internal virtual void Save(StateWriter state)
    {
    }

    internal virtual void Load(StateReader state)
    {
    }

    /// <summary>The machine begins to run, or goes on.</summary>
    internal virtual void Started()
    {
    }

    /// <summary>A byte of the configuration space; 0 past its end.</summary>
    internal virtual byte ReadConfiguration(int offset) => 0;

    internal virtual void WriteConfiguration(int offset, byte value)
    {
    }

    /// <summary>Asks for <see cref="Process"/> on the device's worker, as if the driver had notified; from any thread.</summary>
    protected void Kick(int queue) => _transport?.Kick(queue);

    /// <summary>Gives a buffer back to the driver.</summary>
    protected void Complete(int queue, DescriptorChain chain) => _transport?.Complete(queue, chain);

    /// <summary>Runs something while the device processes nothing.</summary>
    protected void Exclude(Action action)
    {
        if (_transport is { } transport)
        {
            transport.Exclude(action);
        }
        else
        {
            action();
        }
    }

    /// <summary>Tells the driver that the configuration space changed.</summary>
    protected void ConfigurationChanged() => _transport?.ConfigurationChanged();
}
