using Cloud.Messaging;

namespace Cloud.BlockStorage.Volumes;

/// <summary>Takes a volume from an instance; where its guest does not let go, the volume stays attached.</summary>
internal sealed class VolumeDetachSaga(VolumeSteps steps) : Saga<VolumeSagaData>
{
    public override IReadOnlyList<SagaStep<VolumeSagaData>> Steps =>
    [
        new("unplug-volume", steps.UnplugAsync),
        new("say-detached", steps.SayDetachedAsync),
    ];

    public override Task FailedAsync(VolumeSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
