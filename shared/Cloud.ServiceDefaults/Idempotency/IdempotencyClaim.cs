using Cloud.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ServiceDefaults.Idempotency;

/// <summary>Puts the row of a call into the first save that its handler makes, with the ids of what that save makes.</summary>
internal sealed class IdempotencyClaim : IDisposable
{
    private readonly DbContext _db;
    private readonly IdempotentCall _call;
    private bool _saved;

    public IdempotencyClaim(DbContext db, IdempotentCall call)
    {
        _db = db;
        _call = call;
        db.SavingChanges += OnSaving;
        db.SavedChanges += OnSaved;
    }

    public void Dispose()
    {
        _db.SavingChanges -= OnSaving;
        _db.SavedChanges -= OnSaved;
    }

    private void OnSaving(object? sender, SavingChangesEventArgs e)
    {
        // A save of nothing would still be a save of the row, for a call that may yet be refused.
        if (_saved || !_db.ChangeTracker.HasChanges())
        {
            return;
        }

        _call.HasMade(_db.ChangeTracker.Entries<IVersioned>().Where(entry => entry.State == EntityState.Added).Select(entry =>
            entry.Metadata.FindPrimaryKey() is { Properties: [var key] } ? entry.Property(key.Name).CurrentValue?.ToString() ?? "" : ""));
        // A handler that cleared the context and starts over has lost the row too.
        if (_db.Entry(_call).State == EntityState.Detached)
        {
            _db.Add(_call);
        }
    }

    private void OnSaved(object? sender, SavedChangesEventArgs e) => _saved = _saved || _db.Entry(_call).State != EntityState.Detached;
}
