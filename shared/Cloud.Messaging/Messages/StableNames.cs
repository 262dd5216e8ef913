using System.Collections.Concurrent;
using System.Reflection;

namespace Cloud.Messaging;

/// <summary>The names by which types are known outside of this process.</summary>
internal static class StableNames
{
    private static readonly ConcurrentDictionary<Type, string> Names = new();

    public static string Of(Type type) =>
        Names.GetOrAdd(type, static one => one.GetCustomAttribute<MessageNameAttribute>()?.Name ?? one.FullName!);
}
