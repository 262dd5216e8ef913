using System.Text.Json.Nodes;

namespace Cloud.Vmm.Runner.Qmp;

/// <summary>Sends events to every client that has negotiated.</summary>
internal sealed class QmpEvents(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly List<QmpSession> _sessions = [];

    internal void Add(QmpSession session)
    {
        lock (_lock)
        {
            _sessions.Add(session);
        }
    }

    internal void Remove(QmpSession session)
    {
        lock (_lock)
        {
            _sessions.Remove(session);
        }
    }

    internal void Send(string name, JsonObject? data)
    {
        long microseconds = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        var message = new JsonObject { ["event"] = name };
        if (data is not null)
        {
            message["data"] = data;
        }

        message["timestamp"] = new JsonObject { ["seconds"] = microseconds / 1_000_000, ["microseconds"] = microseconds % 1_000_000 };
        lock (_lock)
        {
            foreach (QmpSession session in _sessions)
            {
                session.SendEvent(message);
            }
        }
    }
}
