using Cloud.Compute.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>Changes an instance's row and says so, in one save, whoever else changes it at the same time.</summary>
internal sealed class InstanceChanges(IDbContextFactory<ComputeDbContext> databases, TimeProvider time)
{
    /// <summary>How often a save is tried that another change came before.</summary>
    private const int TriesMax = 10;

    /// <param name="id">Which instance; nothing is done where there is none.</param>
    /// <param name="what">The event's name after <c>instance.</c></param>
    /// <param name="change">Answers false where there is nothing to change any more.</param>
    public Task ApplyAsync(InstanceId id, string what, Func<Instance, DateTimeOffset, bool> change, CancellationToken ct) =>
        ApplyAsync(id, what, (_, row, now) => Task.FromResult(change(row, now)), ct);

    public async Task ApplyAsync(
        InstanceId id, string what, Func<ComputeDbContext, Instance, DateTimeOffset, Task<bool>> change, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            try
            {
                await using var transaction = await db.Database.BeginTransactionAsync(ct);
                var row = await db.Instances.SingleOrDefaultAsync(row => row.Id == id, ct);
                if (row is null || !await change(db, row, time.GetUtcNow()))
                {
                    return;
                }

                db.AddInstanceEvent(row, what);
                await db.SaveChangesAsync(ct);
                await transaction.CommitAsync(ct);
                return;
            }
            catch (DbUpdateConcurrencyException) when (tries < TriesMax)
            {
                // Somebody changed the instance at this moment: look at it again.
            }
        }
    }
}
