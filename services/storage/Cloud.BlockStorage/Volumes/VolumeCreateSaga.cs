using Cloud.Messaging;

namespace Cloud.BlockStorage.Volumes;

/// <summary>From the row to a volume that its host has made.</summary>
internal sealed class VolumeCreateSaga(VolumeSteps steps) : Saga<VolumeSagaData>
{
    public override IReadOnlyList<SagaStep<VolumeSagaData>> Steps =>
    [
        new("choose-host", steps.ChooseHostAsync),
        new("make-volume", steps.PutAsync, steps.TakeBackAsync),
        new("say-available", steps.SayCreatedAsync),
    ];

    public override Task FailedAsync(VolumeSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
