using Cloud.Switch.Ports;

namespace Cloud.Switch.Trunks;

/// <summary>A guest of another host.</summary>
internal sealed class RemoteStation(TrunkPeer peer, AnnouncedPort port) : IStation
{
    public string Id => port.Id;

    public string Project => port.Project;

    public ulong Mac { get; } = Port.ReadMac(port.MacAddress);

    public uint Address { get; } = Port.ReadAddress(port.Address);

    public string Name { get; } = port.HostName.ToLowerInvariant();

    public void Deliver(ReadOnlySpan<byte> frame, long now) => peer.Deliver(port.Id, frame, now);
}
