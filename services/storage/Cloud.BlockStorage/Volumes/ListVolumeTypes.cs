using Cloud.Primitives;

namespace Cloud.BlockStorage.Volumes;

internal static class ListVolumeTypes
{
    public static IResult Handle() => TypedResults.Ok(new Page<VolumeType>(VolumeType.All, null));
}
