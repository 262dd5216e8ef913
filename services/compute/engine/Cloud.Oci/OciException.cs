namespace Cloud.Oci;

/// <summary>A container image is not what it must be. The message is for whoever brought it in; it holds no path of the host.</summary>
public sealed class OciException : Exception
{
    public OciException(string message)
        : base(message)
    {
    }

    public OciException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public OciException()
    {
    }
}
