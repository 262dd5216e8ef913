namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>The board's time in ticks of mtime: of the host, or by the count of instructions.</summary>
internal interface IClock
{
    /// <summary>Ticks of one second: the device tree's timebase-frequency.</summary>
    internal const ulong TicksPerSecond = 10_000_000;

    /// <summary>mtime as a hart sees it.</summary>
    ulong TicksOf(Hart hart);

    /// <summary>Lets time pass for a hart that waits until a tick, or until it is woken.</summary>
    void Wait(Hart hart, ulong until);

    /// <summary>Sets mtime.</summary>
    void Set(Hart hart, ulong ticks);
}
