using Cloud.Messaging;
using Microsoft.Extensions.Options;

namespace Cloud.Identity.SigningKeys;

/// <summary>Changes the signing key when its time is over, and notices those that other replicas have made.</summary>
internal sealed class KeyRotation(KeyRing keys, IOptions<IdentityOptions> options) : IReconciler
{
    public Task ReconcileAsync(CancellationToken ct) => keys.RotateAsync(options.Value.SigningKeyLifetime, ct);
}
