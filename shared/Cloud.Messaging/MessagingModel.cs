using Cloud.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Messaging;

/// <summary>The tables that messaging keeps in each service's database.</summary>
public static class MessagingModel
{
    /// <summary>Adds the tables <c>outbox</c>, <c>inbox</c> and <c>saga_runs</c>.</summary>
    public static ModelBuilder AddCloudMessaging(this ModelBuilder model)
    {
        ArgumentNullException.ThrowIfNull(model);
        model.Entity<OutboxMessage>(message =>
        {
            message.ToTable("outbox");
            message.HasKey(row => row.Position);
        });
        model.Entity<InboxMessage>(message =>
        {
            message.ToTable("inbox");
            message.HasKey(row => row.Position);
            message.HasIndex(row => row.MessageId).IsUnique();
            message.HasIndex(row => new { row.OrderKey, row.Position }).HasFilter($"\"State\" = {(int)InboxState.Waiting}");
            message.HasIndex(row => row.EndedAt);
            message.Property(row => row.State).IsConcurrencyToken();
        });
        model.Entity<SagaRun>(run =>
        {
            run.ToTable("saga_runs");
            run.HasKey(row => row.Position);
            run.HasIndex(row => row.Id).IsUnique();
            run.HasIndex(row => new { row.Key, row.Position });
            run.HasIndex(row => row.EndedAt);
            run.Ignore(row => row.IsUnderWay);
            run.Ignore(row => row.IsWarm);
            run.Property(row => row.Steps).HasJsonConversion();
            run.Property(row => row.Owner).IsConcurrencyToken();
        });
        return model;
    }

    /// <summary>Messages to publish with the context's next save.</summary>
    public static Outbox Outbox(this DbContext db) => new(db);

    /// <summary>Sagas to start with the context's next save.</summary>
    public static Sagas Sagas(this DbContext db) => new(db);
}
