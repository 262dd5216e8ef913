namespace Cloud.Compute.Host.Contracts;

/// <summary>Headers of the host's console answers: where the bytes stand in the log.</summary>
public static class HostApiHeaders
{
    public const string Offset = "Cloud-Console-Offset";

    public const string NextOffset = "Cloud-Console-Next-Offset";
}
