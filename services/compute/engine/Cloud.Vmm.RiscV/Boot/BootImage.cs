namespace Cloud.Vmm.RiscV.Boot;

/// <summary>
/// Firmware, a kernel or an initial RAM disk: opened when the machine boots, read straight into its memory, and not kept.
/// </summary>
/// <param name="open">Opens it; the stream can seek.</param>
internal sealed class BootImage(Func<Stream> open)
{
    internal Stream Open() => open();

    public static implicit operator BootImage(byte[] bytes) => new(() => new MemoryStream(bytes, writable: false));
}
