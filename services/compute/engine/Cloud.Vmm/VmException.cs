namespace Cloud.Vmm;

/// <summary>
/// A machine could not be started or did not do what it was asked. The message is for the user; it holds no path of the host.
/// </summary>
public class VmException : Exception
{
    public VmException(string message)
        : base(message)
    {
    }

    public VmException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public VmException()
    {
    }
}
