using Cloud.Messaging;

namespace Cloud.Database.Databases;

/// <summary>
/// Back to an earlier time at the same address. What the archive held is laid out while the server still runs; what there was before stays
/// whole beside it, and is what an undo goes back to.
/// </summary>
internal sealed class DatabaseRestoreSaga(DatabaseSteps steps) : Saga<DatabaseSagaData>
{
    private static readonly TimeSpan FillLimit = TimeSpan.FromMinutes(30);

    public override IReadOnlyList<SagaStep<DatabaseSagaData>> Steps =>
    [
        new("make-generation", steps.MakeGenerationAsync, steps.RemoveGenerationAsync, FillLimit),
        new("stop-server", steps.StopServerAsync, steps.StartAgainAsync),
        new("switch", steps.SwitchAsync, steps.SwitchBackAsync),
        new("start-server", steps.StartServerAsync, steps.StopServerAsync, FillLimit),
        new("make-owner", steps.MakeOwnerAsync),
        new("open-window", steps.OpenWindowAsync, limit: FillLimit),
        new("say-available", steps.SayAvailableAsync),
        new("drop-old-safety", steps.DropOldSafetyAsync),
    ];

    public override Task FailedAsync(DatabaseSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}

/// <summary>Back to what the last restore in place has set aside; that restore's outcome is set aside in its place.</summary>
internal sealed class DatabaseUndoRestoreSaga(DatabaseSteps steps) : Saga<DatabaseSagaData>
{
    private static readonly TimeSpan BackupLimit = TimeSpan.FromMinutes(30);

    public override IReadOnlyList<SagaStep<DatabaseSagaData>> Steps =>
    [
        new("stop-server", steps.StopServerAsync, steps.StartAgainAsync),
        new("switch", steps.SwitchAsync, steps.SwitchBackAsync),
        new("start-server", steps.StartServerAsync, steps.StopServerAsync),
        new("make-owner", steps.MakeOwnerAsync),
        new("open-window", steps.OpenWindowAsync, limit: BackupLimit),
        new("say-available", steps.SayAvailableAsync),
    ];

    public override Task FailedAsync(DatabaseSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
