using Cloud.Messaging;

namespace Cloud.Compute.Images;

/// <summary>What an image's saga carries: which one.</summary>
public sealed record ImageSagaData(ImageId Image);

/// <summary>Brings an image's disk in from its URL.</summary>
internal sealed class ImageImportSaga(ImageImport import) : Saga<ImageSagaData>
{
    private static readonly TimeSpan Limit = TimeSpan.FromHours(6);

    public override IReadOnlyList<SagaStep<ImageSagaData>> Steps => [new("download", import.DownloadAsync, import.RemoveFilesAsync, Limit)];

    public override Task FailedAsync(ImageSagaData data, string reason, CancellationToken ct) => import.FailAsync(data, reason, ct);
}
