using Cloud.Primitives;
using Microsoft.IdentityModel.Tokens;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>The public keys that tokens between services are verified by: identity's own in its process, its JWKS elsewhere.</summary>
public interface IVerificationKeys
{
    /// <param name="kid">As the token's header names it: untrusted.</param>
    /// <returns>Null where identity has no such key.</returns>
    /// <exception cref="CloudException">
    /// <see cref="ErrorKind.Unavailable"/>: identity does not answer, and the key is not known yet.
    /// </exception>
    ValueTask<SecurityKey?> FindAsync(string kid, CancellationToken ct);
}
