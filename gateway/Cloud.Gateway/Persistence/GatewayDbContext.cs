using Cloud.Gateway.Events;
using Cloud.Messaging;
using Cloud.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Gateway.Persistence;

/// <summary>The gateway's own tables: the events that it streams.</summary>
public sealed class GatewayDbContext(DbContextOptions<GatewayDbContext> options) : DbContext(options)
{
    internal DbSet<EventRecord> Events => Set<EventRecord>();

    internal DbSet<EventCounter> EventCounters => Set<EventCounter>();

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        ArgumentNullException.ThrowIfNull(configurationBuilder);
        configurationBuilder.AddCloudConventions();
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        modelBuilder.AddCloudMessaging();
        modelBuilder.Entity<EventRecord>(record =>
        {
            record.HasKey(row => row.Position);
            record.Property(row => row.Position).ValueGeneratedNever();
            record.HasIndex(row => row.EventId).IsUnique();
            record.HasIndex(row => row.At);
        });
        modelBuilder.Entity<EventCounter>(counter =>
        {
            counter.HasKey(row => row.Id);
            counter.Property(row => row.Id).ValueGeneratedNever();
            counter.HasData(EventCounter.Start);
        });
    }
}
