using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm;

/// <summary>
/// A saved state laid out for machines that start from it at once and copy a page when they write to it. Disposing lets go of it; machines
/// that run from it keep it.
/// </summary>
/// <param name="memory">The guest's memory, byte for byte, where nothing can change it any more; null where <paramref name="state"/> has it
/// so.</param>
/// <param name="state">What there is besides.</param>
/// <param name="saved">What it was made of.</param>
public sealed class VmTemplate(SafeFileHandle? memory, SafeFileHandle state, VmSavedState saved) : IDisposable
{
    public SafeFileHandle? Memory { get; } = memory;

    public SafeFileHandle State { get; } = state;

    public VmSavedState Saved { get; } = saved;

    public void Dispose()
    {
        Memory?.Dispose();
        State.Dispose();
    }
}
