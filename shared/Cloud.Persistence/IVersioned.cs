namespace Cloud.Persistence;

/// <summary>
/// A row that nobody overwrites unseen: <see cref="Version"/> is 1 when the row is new and grows by one with every save that changes it; a
/// save of an older version throws <see cref="Microsoft.EntityFrameworkCore.DbUpdateConcurrencyException"/>. <c>ExecuteUpdate</c> bypasses
/// it: there, count the version up in the statement itself, or touch only columns that no entity's save writes.
/// </summary>
public interface IVersioned
{
    long Version { get; set; }
}
