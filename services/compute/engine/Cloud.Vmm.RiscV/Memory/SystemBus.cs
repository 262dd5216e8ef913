using Cloud.Vmm.RiscV.Devices;

namespace Cloud.Vmm.RiscV.Memory;

/// <summary>Decodes guest physical addresses: memory, the boot ROM, devices. Accesses that no one answers fault.</summary>
internal sealed unsafe class SystemBus(GuestRam ram)
{
    private Mapping[] _devices = [];
    private GuestRam? _rom;

    internal GuestRam Ram { get; } = ram;

    /// <summary>Maps a read-only memory; it can be run from.</summary>
    internal void MapRom(GuestRam rom) => _rom = rom;

    /// <summary>Maps a device; while the board is built, and not over another.</summary>
    internal void Map(ulong start, ulong size, IBusDevice device)
    {
        if (_devices.Any(other => start < other.Start + other.Size && other.Start < start + size) || Ram.Contains(start, 1))
        {
            throw new ArgumentException($"Two devices at 0x{start:x}.", nameof(start));
        }

        _devices = [.. _devices, new Mapping(start, size, device)];
    }

    /// <summary>The host address of a byte of memory; null for anything else.</summary>
    internal byte* RamAt(ulong physical) => physical - Ram.Start < Ram.Size ? Ram.Host + (physical - Ram.Start) : null;

    /// <summary>The host address of a byte that can be read or run; null for anything else.</summary>
    internal byte* ReadableAt(ulong physical)
    {
        byte* host = RamAt(physical);
        return host is null && _rom is not null && _rom.Contains(physical, 1) ? _rom.Host + (physical - _rom.Start) : host;
    }

    /// <summary>Reads a device; false where there is none or it refuses. The address is aligned to the size.</summary>
    internal bool Read(ulong physical, int sizeLog2, out ulong value)
    {
        value = 0;
        return Find(physical, out Mapping mapping) && mapping.Device.Read(physical - mapping.Start, sizeLog2, out value);
    }

    /// <summary>Writes a device; false where there is none or it refuses. The address is aligned to the size.</summary>
    internal bool Write(ulong physical, int sizeLog2, ulong value) =>
        Find(physical, out Mapping mapping) && mapping.Device.Write(physical - mapping.Start, sizeLog2, value);

    private bool Find(ulong physical, out Mapping found)
    {
        foreach (Mapping mapping in _devices)
        {
            if (physical - mapping.Start < mapping.Size)
            {
                found = mapping;
                return true;
            }
        }

        found = default;
        return false;
    }

    private readonly record struct Mapping(ulong Start, ulong Size, IBusDevice Device);
}
