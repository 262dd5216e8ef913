namespace Cloud.Primitives;

/// <summary>Why something was refused, apart from any protocol. HTTP's status is chosen at the edge.</summary>
public enum ErrorKind
{
    /// <summary>The request itself is wrong: a field is missing, of the wrong form or out of range.</summary>
    Invalid = 1,

    /// <summary>Nothing of that name or id is visible to the caller.</summary>
    NotFound = 2,

    /// <summary>The state of things forbids it now: a name is taken, a resource in use, a quota reached.</summary>
    Conflict = 3,

    /// <summary>The caller is known and may not.</summary>
    Forbidden = 4,

    /// <summary>The caller is not known.</summary>
    Unauthenticated = 5,

    /// <summary>A precondition of the caller's does not hold.</summary>
    PreconditionFailed = 6,

    /// <summary>Well formed, and yet it cannot be done as asked.</summary>
    Unprocessable = 7,

    /// <summary>Too much at once; later it works.</summary>
    Throttled = 8,

    /// <summary>A part that is needed does not answer now.</summary>
    Unavailable = 9,

    /// <summary>More bytes than are taken.</summary>
    TooLarge = 10,

    /// <summary>The bytes are in a format or encoding that is not taken.</summary>
    UnsupportedFormat = 11,
}
