using Cloud.Database.Databases;

namespace Cloud.Database.Servers;

/// <summary>
/// What the containers of an engine's servers are made of, and told in its own way (<c>infra/images/database-server</c>).
/// </summary>
internal interface IServerImage
{
    string Name { get; }

    /// <summary>What the socket is called that a container is given.</summary>
    string Listener { get; }

    /// <summary>Whether its write-ahead log has a volume of its own, where what it writes is on the disk at once.</summary>
    bool HasLogVolume { get; }

    /// <summary>What a volume has beside the database's size, for what a server keeps for a while alone.</summary>
    long RoomBytesOf(ManagedDatabase database);

    /// <summary>What lets the service, and the owner, into an empty server.</summary>
    string EntryOf(ManagedDatabase database);

    /// <summary>What a server that was filled needs beside its files.</summary>
    /// <param name="time">Where in the log that came with it a recovery stops; null for the end of all there is.</param>
    string CompletionOf(ManagedDatabase database, DateTimeOffset? time);

    /// <summary>What a server needs whose volume is a copy of another's.</summary>
    string AdoptionOf(ManagedDatabase database);

    /// <summary>The command in a container that ends its server in good order.</summary>
    /// <param name="root">Where the server's files are.</param>
    IReadOnlyList<string> StopCommandOf(string root);

    /// <summary>The files of settings, by their paths below the server's folder.</summary>
    IReadOnlyList<(string Path, string Text)> SettingsOf(ManagedDatabase database);

    /// <summary>What is known, without a program in the container, of how much of the volume is in use; null for nothing.</summary>
    Task<long?> FindUsedBytesAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>A database is gone.</summary>
    void Forget(ManagedDatabase database);
}
