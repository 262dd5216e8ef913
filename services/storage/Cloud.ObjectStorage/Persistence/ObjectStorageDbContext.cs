using System.Text.Json;
using Cloud.Messaging;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Notifications;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.Scrub;
using Cloud.Persistence;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Cloud.ObjectStorage.Persistence;

/// <summary>The object storage service's own tables.</summary>
public sealed class ObjectStorageDbContext(DbContextOptions<ObjectStorageDbContext> options) : DbContext(options)
{
    internal DbSet<Bucket> Buckets => Set<Bucket>();

    internal DbSet<ObjectVersion> Objects => Set<ObjectVersion>();

    internal DbSet<MultipartUpload> Uploads => Set<MultipartUpload>();

    internal DbSet<Part> Parts => Set<Part>();

    internal DbSet<SmallBlob> SmallBlobs => Set<SmallBlob>();

    internal DbSet<DamagedBlob> DamagedBlobs => Set<DamagedBlob>();

    internal DbSet<ScrubPosition> ScrubPositions => Set<ScrubPosition>();

    internal DbSet<WebhookDelivery> WebhookDeliveries => Set<WebhookDelivery>();

    internal DbSet<DeadBlob> DeadBlobs => Set<DeadBlob>();

    internal DbSet<BucketUsage> Usage => Set<BucketUsage>();

    /// <summary>Says in the same save that a bucket has changed.</summary>
    internal void AddBucketEvent(string type, Bucket bucket, long objects = 0, long sizeBytes = 0) =>
        this.Outbox().Add(
            ResourceEvent.Of(
                type, bucket.Project, bucket.Id.Value,
                JsonSerializer.SerializeToElement(BucketView.From(bucket, objects, sizeBytes), JsonDefaults.Options)),
            bucket.Id.Value);

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        ArgumentNullException.ThrowIfNull(configurationBuilder);
        configurationBuilder.AddCloudConventions();
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        modelBuilder.AddCloudMessaging();
        modelBuilder.AddQuotas();
        modelBuilder.AddIdempotency();
        modelBuilder.Entity<Bucket>(bucket =>
        {
            bucket.Ignore(row => row.Labels);
            bucket.Ignore(row => row.IsPublic);
            bucket.Property(row => row.Settings).HasJsonConversion();
            bucket.HasIndex(row => row.Name).IsUnique().HasFilter(""" "Deleted" = false """.Trim());
            bucket.HasIndex(row => new { row.Project, row.Id });
        });
        modelBuilder.Entity<ObjectVersion>(version =>
        {
            version.HasKey(row => new { row.Bucket, row.Key, row.Rank });
            InByteOrder(version.Property(row => row.Key));
            version.HasIndex(row => new { row.Bucket, row.Key }).IsUnique().HasFilter(""" "IsLatest" = true """.Trim());
            version.HasIndex(row => row.Blob);
            version.Ignore(row => row.Bytes);
        });
        modelBuilder.Entity<MultipartUpload>(upload =>
        {
            upload.HasKey(row => row.Id);
            InByteOrder(upload.Property(row => row.Key));
            InByteOrder(upload.Property(row => row.Id));
            upload.HasIndex(row => new { row.Bucket, row.Key, row.Id });
        });
        modelBuilder.Entity<Part>(part =>
        {
            part.HasKey(row => new { row.Upload, row.Number });
            part.HasIndex(row => row.Blob);
        });
        modelBuilder.Entity<SmallBlob>(small => small.HasKey(row => row.Blob));
        modelBuilder.Entity<DamagedBlob>(damaged =>
        {
            damaged.HasKey(row => row.Blob);
            damaged.HasIndex(row => row.Bucket);
        });
        modelBuilder.Entity<ScrubPosition>(position =>
        {
            position.HasKey(row => row.Id);
            position.Property(row => row.Id).ValueGeneratedNever();
        });
        modelBuilder.Entity<WebhookDelivery>(delivery =>
        {
            delivery.HasKey(row => row.Id);
            delivery.HasIndex(row => row.NotBefore);
        });
        modelBuilder.Entity<DeadBlob>(dead => dead.HasKey(row => row.Blob));
        modelBuilder.Entity<BucketUsage>(usage => usage.HasKey(row => row.Bucket));
    }

    /// <summary>S3 orders keys by their UTF-8: SQLite does so by itself, PostgreSQL where it is told.</summary>
    private void InByteOrder(PropertyBuilder<string> property)
    {
        if (Database.IsNpgsql())
        {
            property.UseCollation("C");
        }
    }
}
