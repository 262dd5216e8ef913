namespace Cloud.Database.Engines;

/// <summary>The kinds of servers. The numbers are stored and never change.</summary>
public enum DatabaseEngine
{
    /// <summary>PostgreSQL 15.</summary>
    Postgres = 1,

    /// <summary>Redis 7.0, of which every write is on the disk before it is acknowledged.</summary>
    Redis = 2,
}
