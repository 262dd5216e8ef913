using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Compute.Instances;

/// <summary>
/// Instances as they were read last, as the bytes of the answer: the call that scripts make most. Only where this process alone writes the
/// rows (SQLite): each of its commits drops what it changed before anybody is told of it. With PostgreSQL other replicas write too, and
/// every call reads the row.
/// </summary>
internal sealed class InstanceReads
{
    private const int EntriesMax = 10_000;

    private readonly ConcurrentDictionary<string, InstanceRead> _reads = new(StringComparer.Ordinal);
    private readonly bool _aloneWriter;
    private long _changes;

    public InstanceReads(ChangeSignals signals, CloudDatabase<ComputeDbContext> database)
    {
        _aloneWriter = !database.IsPostgres;
        signals.OnChanged += Drop;
    }

    /// <summary>To be taken before a row is read, and given to <see cref="Keep"/>.</summary>
    public long Stamp => Interlocked.Read(ref _changes);

    public bool TryFind(string id, string project, [NotNullWhen(true)] out InstanceRead? read) =>
        _reads.TryGetValue(id, out read) && read.Project == project;

    /// <summary>Keeps what was read, unless something was changed since the stamp.</summary>
    public void Keep(Instance instance, long stamp)
    {
        if (!_aloneWriter || _reads.Count >= EntriesMax)
        {
            return;
        }

        var json = JsonSerializer.SerializeToUtf8Bytes(InstanceView.From(instance), JsonDefaults.Options);
        _reads[instance.Id.Value] = new InstanceRead(instance.Project, IfMatch.TagOf(instance.Version), json);
        if (Stamp != stamp)
        {
            _reads.TryRemove(instance.Id.Value, out _);
        }
    }

    private void Drop(string id)
    {
        Interlocked.Increment(ref _changes);
        _reads.TryRemove(id, out _);
    }
}

/// <summary>One instance as it was read.</summary>
internal sealed record InstanceRead(string Project, string Tag, byte[] Json);
