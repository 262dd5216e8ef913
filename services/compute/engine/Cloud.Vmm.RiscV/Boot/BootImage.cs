namespace Cloud.Vmm.RiscV.Boot;

/// <summary>Firmware, a kernel or an initial RAM disk: read when the machine boots, and not kept.</summary>
internal sealed class BootImage(Func<byte[]> read)
{
    internal byte[] Read() => read();

    public static implicit operator BootImage(byte[] bytes) => new(() => bytes);
}
