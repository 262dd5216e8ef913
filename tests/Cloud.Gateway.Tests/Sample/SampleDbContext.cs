using System.Text.Json;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Idempotency;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Gateway.Tests.Sample;

public sealed class SampleDbContext(DbContextOptions<SampleDbContext> options) : DbContext(options)
{
    public DbSet<Note> Notes => Set<Note>();

    public void AddEvent(string type, Note note) =>
        this.Outbox().Add(
            ResourceEvent.Of(
                type, note.Project, note.Id.Value, JsonSerializer.SerializeToElement(NoteView.From(note), JsonDefaults.Options)),
            note.Id.Value);

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder) =>
        configurationBuilder.AddCloudConventions();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.AddCloudMessaging();
        modelBuilder.AddIdempotency();
        modelBuilder.Entity<Note>(note => note.HasIndex(row => new { row.Project, row.Name }).IsUnique().HasFilter("\"Deleted\" = false"));
    }
}
