using Cloud.Messaging;

namespace Cloud.BlockStorage.Volumes;

/// <summary>Brings a volume back to a snapshot of it, after a snapshot of what it is now: a restore of that undoes it.</summary>
internal sealed class VolumeRestoreSaga(VolumeSteps steps) : Saga<VolumeSagaData>
{
    public override IReadOnlyList<SagaStep<VolumeSagaData>> Steps =>
    [
        new("keep-safe", steps.KeepSafeAsync),
        new("restore-volume", steps.RestoreAsync),
        new("say-restored", steps.SayRestoredAsync),
    ];

    public override Task FailedAsync(VolumeSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
