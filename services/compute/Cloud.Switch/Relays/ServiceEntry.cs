namespace Cloud.Switch.Relays;

/// <summary>A server of the cloud as the guests of its project's network find it.</summary>
/// <param name="Names">In lower case, <c>NAME.db</c>; the first is what its address is called.</param>
/// <param name="Address">In the host's byte order.</param>
/// <param name="Socket">Where guests' connections to it end on the host.</param>
internal sealed record ServiceEntry(IReadOnlyList<string> Names, uint Address, ushort Port, string Socket);
