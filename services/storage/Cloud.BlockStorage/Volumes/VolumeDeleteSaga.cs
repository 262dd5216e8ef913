using Cloud.Messaging;

namespace Cloud.BlockStorage.Volumes;

/// <summary>Removes a volume from its host; the row stays for the answer to a second DELETE.</summary>
internal sealed class VolumeDeleteSaga(VolumeSteps steps) : Saga<VolumeSagaData>
{
    public override IReadOnlyList<SagaStep<VolumeSagaData>> Steps =>
    [
        // A host that is away for a day may come back: what it holds of the volume must still go.
        new("remove-volume", steps.RemoveAsync, limit: TimeSpan.FromDays(1)),
        new("say-deleted", steps.SayDeletedAsync, limit: TimeSpan.FromDays(1)),
    ];

    public override Task FailedAsync(VolumeSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
