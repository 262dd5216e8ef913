using System.Text;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.ServiceDefaults.Idempotency;

/// <summary>What the cloud puts into the key of kept answers: a secret that all its processes share and no database has.</summary>
internal sealed class AnswerSecret(ServiceKey key)
{
    public byte[] Bytes { get; } = Encoding.UTF8.GetBytes(key.Header);
}
