namespace Cloud.Vmm.Qemu.Qmp;

/// <summary>QEMU refused a command, or does not answer.</summary>
internal sealed class QmpException(string errorClass, string message) : Exception(message)
{
    /// <summary>The class of the connection's own errors, which QEMU has none of.</summary>
    public const string Lost = "ConnectionLost";

    /// <summary>As QEMU names it (qapi/error.json): <c>GenericError</c>, <c>CommandNotFound</c>, …</summary>
    public string ErrorClass { get; } = errorClass;
}
