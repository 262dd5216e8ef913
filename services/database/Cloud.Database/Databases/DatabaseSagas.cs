using Cloud.Messaging;

namespace Cloud.Database.Databases;

/// <summary>From the row to a server that takes connections and can be gone back with; also for restores, clones and undeletes.</summary>
internal sealed class DatabaseCreateSaga(DatabaseSteps steps) : Saga<DatabaseSagaData>
{
    private static readonly TimeSpan FillLimit = TimeSpan.FromMinutes(30);

    public override IReadOnlyList<SagaStep<DatabaseSagaData>> Steps =>
    [
        new("make-server", steps.MakeServerAsync, steps.TakeServerBackAsync, FillLimit),
        new("start-server", steps.StartServerAsync, steps.StopServerAsync, FillLimit),
        new("make-owner", steps.MakeOwnerAsync),
        new("open-window", steps.OpenWindowAsync, limit: FillLimit),
        new("say-available", steps.SayAvailableAsync),
    ];

    public override Task FailedAsync(DatabaseSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
