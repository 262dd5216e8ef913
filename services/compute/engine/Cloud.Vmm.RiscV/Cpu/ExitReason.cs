namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>Why an instruction handler left the hart's inner loop; <see cref="HartState.Pc"/> is then exact.</summary>
internal enum ExitReason
{
    None = 0,

    /// <summary>The instruction at Pc raised the exception in TrapCause and TrapValue and did not retire.</summary>
    Trap = 1,

    /// <summary>The instruction retired; Pc is the next one's, on a page that is not in the fetch TLB.</summary>
    Fetch = 2,

    /// <summary>No instruction ran: Pc is on a page that is not in the fetch TLB.</summary>
    FetchUnretired = 3,

    /// <summary>The instruction at Pc needs the whole hart: CSRs, returns, fences, WFI.</summary>
    System = 4,

    /// <summary>The instruction retired; Pc is the next one's. Something that the outer loop must look at changed.</summary>
    Attention = 5,

    /// <summary>The instruction at Pc has its other half on the next page and did not run yet.</summary>
    CrossesPage = 6,
}
