namespace Cloud.Vmm.RiscV.Jit;

/// <summary>Why translated code came back.</summary>
internal enum LeaveReason
{
    /// <summary>The instruction at the site must be run by its handler; then on where the site says.</summary>
    Step = 1,

    /// <summary>Pc is set: its page is not in the fetch TLB.</summary>
    Lookup = 2,

    /// <summary>The instruction at the page offset begins a block that is not translated yet.</summary>
    Untranslated = 3,

    /// <summary>Fewer instructions may be run than the block at the site has.</summary>
    Budget = 4,
}
