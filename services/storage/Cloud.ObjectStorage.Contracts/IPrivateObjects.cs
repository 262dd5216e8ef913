namespace Cloud.ObjectStorage.Contracts;

/// <summary>
/// Buckets of the cloud's own services, which no user sees and no project's quota counts. In this process, or over HTTP in the object
/// storage's own. A bucket is made by its first object; objects are encrypted at rest.
/// </summary>
public interface IPrivateObjects
{
    /// <summary>The code of a refusal: bytes of an object are lost.</summary>
    const string Damaged = "object-damaged";

    /// <summary>Stores an object, in the place of what is there under the key. Durable when this returns.</summary>
    /// <param name="bucket">A word, such as <c>databases</c>.</param>
    /// <param name="key">1 to 1024 bytes of UTF-8.</param>
    /// <param name="body">Read to its end; of any length.</param>
    Task PutAsync(string bucket, string key, Stream body, CancellationToken ct);

    /// <summary>An object's bytes from its beginning; null where there is none. The caller disposes of the stream.</summary>
    Task<Stream?> OpenAsync(string bucket, string key, CancellationToken ct);

    /// <summary>A part of an object: fewer bytes where it ends before; null where there is none.</summary>
    /// <exception cref="Primitives.CloudException"><see cref="Damaged"/>: these bytes are not what was stored.</exception>
    Task<byte[]?> ReadAsync(string bucket, string key, long offset, int lengthBytes, CancellationToken ct);

    /// <summary>All objects whose keys begin so, in the order of their keys.</summary>
    Task<IReadOnlyList<PrivateObject>> ListAsync(string bucket, string prefix, CancellationToken ct);

    /// <summary>Removes an object; done where there is none.</summary>
    Task DeleteAsync(string bucket, string key, CancellationToken ct);
}

/// <summary>An object of a private bucket.</summary>
public sealed record PrivateObject(string Key, long SizeBytes);
