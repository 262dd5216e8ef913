using Cloud.Database.Databases;
using Cloud.Database.Secrets;
using Cloud.Database.Servers;

namespace Cloud.Database.Redis;

/// <summary>Connections of the service's own user to a database's server.</summary>
internal sealed class RedisConnections(ServerCertificates certificates, PasswordBox passwords)
{
    /// <exception cref="Primitives.CloudException">It does not take connections now.</exception>
    public async Task<RedisConnection> OpenAsync(ManagedDatabase database, CancellationToken ct)
    {
        using var authority = certificates.AuthorityCertificate();
        return await RedisConnection.OpenAsync(
            database.Port, ServerSettings.Admin, passwords.Open(database.AdminSecret, database.Id), authority, ct);
    }
}
