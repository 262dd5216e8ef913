namespace Cloud.Persistence;

/// <summary>A writer waited for its turn at a SQLite database longer than is sensible: another holds its transaction open.</summary>
public sealed class DatabaseBusyException(string message) : Exception(message);
