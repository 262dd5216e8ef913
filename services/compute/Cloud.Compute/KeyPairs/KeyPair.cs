using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Compute.KeyPairs;

/// <summary>A public key that gets its owner into instances made with it. The private half is never stored.</summary>
internal sealed class KeyPair : IVersioned
{
    private KeyPair()
    {
    }

    public KeyPairId Id { get; private init; }

    public string Project { get; private init; } = "";

    public string Name { get; private init; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels
    {
        get => Labels.FromText(LabelText);
        private set => LabelText = value.Text;
    }

    /// <summary>In OpenSSH's form, one line.</summary>
    public string PublicKey { get; private init; } = "";

    /// <summary>SHA256:… as ssh-keygen shows it.</summary>
    public string Fingerprint { get; private init; } = "";

    public bool Deleted { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public static KeyPair Create(KeyPairId id, string project, string name, PublicKey key, Labels labels, DateTimeOffset now) => new()
    {
        Id = id,
        Project = project,
        Name = name,
        LabelText = labels.Text,
        PublicKey = key.Line,
        Fingerprint = key.Fingerprint,
        CreatedAt = now,
        UpdatedAt = now,
    };

    public void Delete(DateTimeOffset now)
    {
        Deleted = true;
        UpdatedAt = now;
    }

    public void Relabel(Labels labels, DateTimeOffset now)
    {
        Labels = labels;
        UpdatedAt = now;
    }
}
