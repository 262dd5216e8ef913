namespace Cloud.ServiceDefaults.Idempotency;

/// <summary>
/// A call that came with an <c>Idempotency-Key</c> and was carried out. The row is saved in the transaction of what the call changed, so
/// there is never a second; the answer follows once it is known.
/// </summary>
internal sealed class IdempotentCall
{
    private const int CandidatesMax = 8;
    private const char Separator = ' ';

    private IdempotentCall()
    {
    }

    /// <summary>A hash of the project, the caller and the key: who has the database has no key.</summary>
    public string Id { get; private init; } = "";

    /// <summary>A hash of the method, the path, the query and the body: what a second call must share.</summary>
    public string Fingerprint { get; private init; } = "";

    /// <summary>The ids of the rows that the call made, for an answer that got lost; empty where it made none.</summary>
    public string Made { get; private set; } = "";

    /// <summary>Encrypted; null while the call is under way, and for ever where the process died before it knew.</summary>
    public byte[]? Answer { get; private set; }

    public DateTimeOffset ExpiresAt { get; private init; }

    public static IdempotentCall Begin(string id, string fingerprint, DateTimeOffset expiresAt) =>
        new() { Id = id, Fingerprint = fingerprint, ExpiresAt = expiresAt };

    public IEnumerable<string> MadeIds => Made.Split(Separator, StringSplitOptions.RemoveEmptyEntries);

    public void HasMade(IEnumerable<string> ids) => Made = string.Join(Separator, ids.Take(CandidatesMax));

    public void Answered(byte[] answer) => Answer = answer;
}
