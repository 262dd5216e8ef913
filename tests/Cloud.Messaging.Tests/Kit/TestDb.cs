using Cloud.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Messaging.Tests.Kit;

/// <summary>The tables of the tests' services.</summary>
internal abstract class TestDb(DbContextOptions options) : DbContext(options)
{
    /// <summary>What a publisher committed.</summary>
    public DbSet<Made> Made => Set<Made>();

    /// <summary>What handlers and steps did, in order.</summary>
    public DbSet<Effect> Effects => Set<Effect>();

    public DbSet<Counter> Counters => Set<Counter>();

    public DbSet<Thing> Things => Set<Thing>();

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder) =>
        configurationBuilder.AddCloudConventions();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.AddCloudMessaging();
        modelBuilder.Entity<Made>();
        modelBuilder.Entity<Effect>();
        modelBuilder.Entity<Counter>().HasKey(counter => counter.Name);
        modelBuilder.Entity<Thing>(thing =>
        {
            thing.HasIndex(row => row.Name).IsUnique();
            thing.Property(row => row.Sizes).HasJsonConversion();
        });
    }
}

internal sealed class SourceDb(DbContextOptions<SourceDb> options) : TestDb(options);

internal sealed class SinkDb(DbContextOptions<SinkDb> options) : TestDb(options);

internal sealed class Made
{
    public long Id { get; init; }

    public required string Key { get; init; }

    public required int Number { get; init; }
}

internal sealed class Effect
{
    public long Id { get; init; }

    public required string Key { get; init; }

    public required int Number { get; init; }
}

internal sealed class Counter
{
    public required string Name { get; init; }

    public int Used { get; set; }

    public int Limit { get; init; }
}

internal sealed class Thing : IVersioned
{
    public required ThingId Id { get; init; }

    public required string Name { get; set; }

    public ThingId? Other { get; set; }

    public DateTimeOffset At { get; init; }

    public DateTimeOffset? EndedAt { get; set; }

    public ThingKind Kind { get; init; } = ThingKind.Small;

    public IReadOnlyList<int> Sizes { get; set; } = [];

    public long Version { get; set; }
}

internal enum ThingKind
{
    Small = 1,
    Large = 2,
}
