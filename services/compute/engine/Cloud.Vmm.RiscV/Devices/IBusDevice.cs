using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices;

/// <summary>
/// A device with registers in the guest's physical address space. Called by any hart's thread: each device locks for itself.
/// </summary>
internal interface IBusDevice
{
    /// <summary>Reads 1 &lt;&lt; sizeLog2 bytes at an aligned offset; false is an access fault.</summary>
    bool Read(ulong offset, int sizeLog2, out ulong value);

    /// <summary>Writes 1 &lt;&lt; sizeLog2 bytes at an aligned offset; false is an access fault.</summary>
    bool Write(ulong offset, int sizeLog2, ulong value);

    /// <summary>Brings the registers to their values after power-on.</summary>
    void Reset();

    /// <summary>Writes the registers, and all that the device knows beside them; harts and workers stand still.</summary>
    void Save(StateWriter state);

    /// <summary>Takes in what <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is of another device.</exception>
    void Load(StateReader state);
}
