namespace Cloud.Vmm;

/// <summary>
/// What the driver observes of a virtual machine.
/// <code>
///            Start                 Pause
///  Stopped ────────▶ Running ◀──────────────▶ Paused
///     ▲                 │         Resume         │
///     └─────────────────┴────────────────────────┘
///        the guest powers off, Stop, Kill, the process dies
/// </code>
/// </summary>
public enum VmState
{
    Stopped = 1,
    Running = 2,
    Paused = 3,
}
