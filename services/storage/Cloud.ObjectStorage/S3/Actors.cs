using Cloud.Primitives;

namespace Cloud.ObjectStorage.S3;

/// <summary>Lets the audit log know who did what by S3.</summary>
internal static class Actors
{
    public static IDisposable Enter(S3Request request)
    {
        var before = Actor.Current;
        Actor.Current = request.Caller.IsAnonymous
            ? null
            : new Actor(request.Caller.Subject, request.Caller.AccessKeyId, request.Caller.ReadOnly ? "viewer" : "editor")
            {
                SourceAddress = request.Http.Connection.RemoteIpAddress?.ToString(),
            };
        return new Left(before);
    }

    private sealed class Left(Actor? before) : IDisposable
    {
        public void Dispose() => Actor.Current = before;
    }
}
