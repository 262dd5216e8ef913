namespace Cloud.Vmm.RiscV.State;

/// <summary>Where a machine's state goes: a file, or another machine's process.</summary>
internal interface IStateTarget
{
    /// <summary>Takes pages that follow each other; a page that comes again replaces what it was.</summary>
    /// <exception cref="IOException">They could not be written.</exception>
    void WritePages(int first, ReadOnlySpan<byte> pages);

    /// <summary>Takes what harts and devices are, and ends the state.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    void Finish(byte[] devices);
}
