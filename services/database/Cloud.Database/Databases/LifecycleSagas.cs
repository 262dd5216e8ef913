using Cloud.Messaging;

namespace Cloud.Database.Databases;

/// <summary>Ends the server in good order; its address stays its own.</summary>
internal sealed class DatabaseStopSaga(DatabaseSteps steps) : Saga<DatabaseSagaData>
{
    public override IReadOnlyList<SagaStep<DatabaseSagaData>> Steps =>
    [
        new("stop-server", steps.StopServerAsync, steps.StartAgainAsync),
        new("say-stopped", steps.SayStoppedAsync),
    ];

    public override Task FailedAsync(DatabaseSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}

/// <summary>Brings a stopped server up.</summary>
internal sealed class DatabaseStartSaga(DatabaseSteps steps) : Saga<DatabaseSagaData>
{
    public override IReadOnlyList<SagaStep<DatabaseSagaData>> Steps =>
    [
        new("start-server", steps.StartServerAsync, steps.StopServerAsync),
        new("archive-log", steps.ArchiveLogAsync),
        new("say-available", steps.SayAvailableAsync),
    ];

    public override Task FailedAsync(DatabaseSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}

/// <summary>Ends the server and brings it up again, with all of its settings.</summary>
internal sealed class DatabaseRestartSaga(DatabaseSteps steps) : Saga<DatabaseSagaData>
{
    public override IReadOnlyList<SagaStep<DatabaseSagaData>> Steps =>
    [
        new("stop-server", steps.StopServerAsync, steps.StartAgainAsync),
        new("start-server", steps.StartServerAsync),
        new("archive-log", steps.ArchiveLogAsync),
        new("say-available", steps.SayAvailableAsync),
    ];

    public override Task FailedAsync(DatabaseSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}

/// <summary>Gives the server another size. More memory needs a restart, and so may more space.</summary>
internal sealed class DatabaseResizeSaga(DatabaseSteps steps) : Saga<DatabaseSagaData>
{
    public override IReadOnlyList<SagaStep<DatabaseSagaData>> Steps =>
    [
        new("stop-server", steps.StopForResizeAsync, steps.StartAgainAsync),
        new("resize-server", steps.ResizeServerAsync),
        new("start-server", steps.StartAgainAsync),
        new("archive-log", steps.ArchiveLogAsync),
        new("say-resized", steps.SayResizedAsync),
    ];

    public override Task FailedAsync(DatabaseSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}

/// <summary>Takes a last backup unless told not to, then removes the server.</summary>
internal sealed class DatabaseDeleteSaga(DatabaseSteps steps) : Saga<DatabaseSagaData>
{
    private static readonly TimeSpan BackupLimit = TimeSpan.FromMinutes(30);

    // Half removed it cannot go back to what it was.
    private static readonly TimeSpan RemoveLimit = TimeSpan.FromDays(7);

    public override IReadOnlyList<SagaStep<DatabaseSagaData>> Steps =>
    [
        new("take-final-backup", steps.TakeFinalBackupAsync, limit: BackupLimit),
        new("remove-server", steps.RemoveServerAsync, limit: RemoveLimit),
        new("say-deleted", steps.SayDeletedAsync, limit: RemoveLimit),
    ];

    public override Task FailedAsync(DatabaseSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
