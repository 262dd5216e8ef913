namespace Cloud.Backup.Vaults;

/// <summary>A vault cannot be opened or does not hold what it should; the message names the part.</summary>
public sealed class VaultException : Exception
{
    public VaultException(VaultFault fault, string message, Exception? inner = null)
        : base(message, inner) => Fault = fault;

    public VaultFault Fault { get; }
}

/// <summary>What is wrong with a vault.</summary>
public enum VaultFault
{
    /// <summary>There is no vault at the place.</summary>
    Missing = 1,

    /// <summary>The key given is not the vault's.</summary>
    WrongKey = 2,

    /// <summary>Bytes are not what was stored, or are gone.</summary>
    Damaged = 3,
}
