namespace Cloud.Vmm.Qemu.Qmp;

/// <summary>The events that a machine heeds (qapi/run-state.json, qapi/block-core.json).</summary>
internal static class QmpEvents
{
    /// <summary>The guest shut down, was panicked, or the process was asked to end; <c>reason</c> says which.</summary>
    public const string Shutdown = "SHUTDOWN";

    public const string Stop = "STOP";

    public const string Resume = "RESUME";

    /// <summary>A migration is one step further; <c>status</c> says which (qapi/migration.json, MigrationStatus).</summary>
    public const string Migration = "MIGRATION";

    public const string GuestPanicked = "GUEST_PANICKED";

    /// <summary>A disk's file could not be read or written; with <c>"action":"stop"</c> the guest is paused, as for a full disk.</summary>
    public const string BlockIoError = "BLOCK_IO_ERROR";

    /// <summary>The reason of a guest that powered itself off.</summary>
    public const string ReasonGuestShutdown = "guest-shutdown";
}
