using Cloud.Vmm.Qemu.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// Lays a saved state out for many machines. QEMU's has its memory put into a file of its own that they map, each privately; the
/// simulator's is laid out so as it is.
/// </summary>
internal static class MachineTemplate
{
    /// <param name="spec">A machine that would go on from the state.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="VmException">The state cannot be read, or is not of such a machine.</exception>
    public static VmTemplate Make(VmSpec spec, CancellationToken ct)
    {
        var saved = spec.From ?? throw new ArgumentException("It goes on from nothing.", nameof(spec));
        try
        {
            return spec.Engine == VmEngine.Simulation
                ? new VmTemplate(null, Descriptor.Open(saved.Path, LibC.OpenReadOnly), saved)
                : TakeApart(spec, saved, ct);
        }
        catch (IOException failed)
        {
            throw new VmException($"The saved state cannot be laid out: {failed.Message}", failed);
        }
    }

    private static VmTemplate TakeApart(VmSpec spec, VmSavedState saved, CancellationToken ct)
    {
        SafeFileHandle? memory = null, devices = null;
        try
        {
            memory = MemoryFile.Create("guest-memory", QemuCommandLine.RamBytes(spec));
            devices = MemoryFile.Create("guest-devices");
            SavedStream.TakeApart(saved.Path, QemuBoard.For(spec.Engine, spec.Architecture).MemoryName, memory, devices, ct);
            MemoryFile.Seal(memory);
            return new VmTemplate(memory, devices, saved);
        }
        catch
        {
            memory?.Dispose();
            devices?.Dispose();
            throw;
        }
    }
}
