namespace Cloud.Vmm.Qemu.Linux;

/// <summary>A file's group and mode, by statx(2).</summary>
internal sealed record FileOwner(uint Group, UnixFileMode Mode)
{
    private const int AtCurrentFolder = -100;
    private const uint BasicStats = 0x7ff;

    /// <summary>Null where there is no such file.</summary>
    public static unsafe FileOwner? Read(string path)
    {
        LibC.FileStatus status;
        return LibC.Status(AtCurrentFolder, path, 0, BasicStats, &status) == 0
            ? new FileOwner(status.Group, (UnixFileMode)(status.Mode & 0xfff))
            : null;
    }
}
