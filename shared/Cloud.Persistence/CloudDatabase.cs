using Cloud.Persistence.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Persistence;

/// <summary>Where a context's rows lie: a PostgreSQL database, or a SQLite file.</summary>
public abstract class CloudDatabase
{
    /// <summary>PostgreSQL allows 100 connections in all by default, Npgsql takes up to 100 for each database and process.</summary>
    internal const int PoolSizeMax = 15;

    private protected CloudDatabase(string name, string? postgres, string? file)
    {
        Name = name;
        Postgres = postgres;
        File = file;
    }

    /// <summary>The service's name: <c>compute</c>.</summary>
    public string Name { get; }

    public bool IsPostgres => Postgres is not null;

    /// <summary>Npgsql's connection string with the database; null on SQLite.</summary>
    internal string? Postgres { get; }

    /// <summary>The SQLite file; null on PostgreSQL.</summary>
    internal string? File { get; }
}

/// <summary>The database of <typeparamref name="TContext"/> in this process.</summary>
public sealed class CloudDatabase<TContext> : CloudDatabase
    where TContext : DbContext
{
    internal CloudDatabase(string name, string? postgres, string? file)
        : base(name, postgres, file)
    {
    }

    /// <summary>The queue of those who write to the SQLite file.</summary>
    internal WriterGate Gate => WriterGate.Of(File!);
}
