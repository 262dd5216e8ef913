using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm;

/// <summary>
/// A saved state laid out in the host's memory, for machines that start from it at once and copy a page when they write to it. Nothing can
/// change it any more. Disposing lets go of it; machines that run from it keep it.
/// </summary>
/// <param name="memory">The guest's memory, byte for byte; sealed.</param>
/// <param name="devices">The state of the devices.</param>
/// <param name="slots">As <see cref="VmSavedState.Slots"/>.</param>
public sealed class VmTemplate(SafeFileHandle memory, SafeFileHandle devices, IReadOnlyDictionary<string, string> slots) : IDisposable
{
    public SafeFileHandle Memory { get; } = memory;

    public SafeFileHandle Devices { get; } = devices;

    public IReadOnlyDictionary<string, string> Slots { get; } = slots;

    public void Dispose()
    {
        Memory.Dispose();
        Devices.Dispose();
    }
}
