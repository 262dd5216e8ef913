using Cloud.Vmm.RiscV;
using Cloud.Vmm.RiscV.Devices.Virtio.Balloon;
using Cloud.Vmm.Runner.Channels;
using Cloud.Vmm.Runner.Disks;

namespace Cloud.Vmm.Runner;

/// <summary>A machine and all that is tied to it on the host.</summary>
internal sealed record GuestMachine : IDisposable
{
    internal required Machine Machine { get; init; }

    internal required SerialOutput Serial { get; init; }

    internal required IReadOnlyList<IChannel> Channels { get; init; }

    internal required IReadOnlyList<IDisposable> Links { get; init; }

    internal required BlockNodes Nodes { get; init; }

    internal required Drives Drives { get; init; }

    /// <summary>The places of the devices of the line, in the order that a guest finds them in, by their ids.</summary>
    internal required IReadOnlyDictionary<string, int> Places { get; init; }

    internal VirtioBalloon? Balloon { get; init; }

    /// <summary>Lets the world outside in: channels listen, frames come.</summary>
    internal void Open()
    {
        foreach (IChannel channel in Channels)
        {
            channel.Start();
        }
    }

    /// <summary>
    /// Ends the machine; when it returns every disk is flushed and closed, and every byte that the guest printed has been handed on.
    /// </summary>
    public void Dispose()
    {
        Machine.Stop();
        foreach (IDisposable link in Links)
        {
            link.Dispose();
        }

        Machine.Dispose();
        Nodes.Dispose();
        Serial.Dispose();
        foreach (IChannel channel in Channels)
        {
            channel.Dispose();
        }
    }
}
