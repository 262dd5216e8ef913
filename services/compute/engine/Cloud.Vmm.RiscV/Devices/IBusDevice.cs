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
}
