namespace Cloud.Vmm.Runner;

/// <summary>
/// The states that QMP tells of, by QEMU's names.
/// <code>
///  prelaunch ──cont──▶ running ◀──cont / stop──▶ paused ◀──what was awaited has come── inmigrate
///                       │   │  the last of it is being saved
///                       │   └───────────────▶ finish-migrate ──saved──▶ postmigrate ──cont──▶ running
///                       │  the guest powers off, and the process shall stay
///                       ▼
///                    shutdown ──system_reset──▶ prelaunch
/// </code>
/// </summary>
internal enum RunState
{
    Prelaunch = 1,
    Running = 2,
    Paused = 3,
    Shutdown = 4,
    InMigrate = 5,
    FinishMigrate = 6,
    PostMigrate = 7,
}
