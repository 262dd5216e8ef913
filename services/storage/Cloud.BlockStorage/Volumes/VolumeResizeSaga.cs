using Cloud.Messaging;

namespace Cloud.BlockStorage.Volumes;

/// <summary>Grows a volume, attached or not.</summary>
internal sealed class VolumeResizeSaga(VolumeSteps steps) : Saga<VolumeSagaData>
{
    public override IReadOnlyList<SagaStep<VolumeSagaData>> Steps =>
    [
        new("grow-volume", steps.PutAsync),
        new("say-resized", steps.SayResizedAsync),
    ];

    public override Task FailedAsync(VolumeSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
