using Cloud.Messaging;

namespace Cloud.BlockStorage.Volumes;

/// <summary>Gives an instance a volume that was promised to it; where it does not get it, the volume is free again.</summary>
internal sealed class VolumeAttachSaga(VolumeSteps steps) : Saga<VolumeSagaData>
{
    /// <summary>
    /// A host that is away for longer is not waited for, and as long not to take the volume back: within a minute all is said.
    /// </summary>
    private static readonly TimeSpan AttachLimit = TimeSpan.FromSeconds(25);

    public override IReadOnlyList<SagaStep<VolumeSagaData>> Steps =>
    [
        new("plug-volume", steps.PlugAsync, steps.UnplugAsync, limit: AttachLimit),
        new("say-attached", steps.SayAttachedAsync),
    ];

    public override Task FailedAsync(VolumeSagaData data, string reason, CancellationToken ct) => steps.FailAsync(data, reason, ct);
}
