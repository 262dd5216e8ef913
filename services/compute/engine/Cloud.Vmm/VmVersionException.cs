namespace Cloud.Vmm;

/// <summary>A state was saved by another version of the program that is to go on from it.</summary>
public sealed class VmVersionException : VmException
{
    public VmVersionException(string message)
        : base(message)
    {
    }

    public VmVersionException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public VmVersionException()
    {
    }
}
