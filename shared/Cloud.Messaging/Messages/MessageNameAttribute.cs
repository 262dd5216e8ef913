namespace Cloud.Messaging;

/// <summary>
/// The name of a message or saga on the wire and in the database, kebab-case. It never changes, whatever becomes of the type's own name;
/// without it the type's full name serves.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct)]
public sealed class MessageNameAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}
