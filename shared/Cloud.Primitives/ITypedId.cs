namespace Cloud.Primitives;

/// <summary>
/// An identifier of one kind of resource: a prefix, a dash and 26 characters that sort by the time of creation (<c>i-01kb…</c>).
/// Implemented by a <c>readonly record struct</c> per kind, so that an instance's id never stands where a volume's is meant.
/// </summary>
/// <typeparam name="TSelf">The implementing type.</typeparam>
public interface ITypedId<TSelf>
    where TSelf : struct, ITypedId<TSelf>
{
    /// <summary>The kind's prefix without the dash: <c>i</c>, <c>img</c>, <c>vol</c>.</summary>
    static abstract string Prefix { get; }

    /// <summary>The whole identifier as the API shows it.</summary>
    string Value { get; }

    /// <summary>Wraps a value that is known to be of this kind; no check is made.</summary>
    static abstract TSelf FromValue(string value);
}
