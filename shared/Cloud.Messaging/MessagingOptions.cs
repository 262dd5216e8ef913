using System.ComponentModel.DataAnnotations;

namespace Cloud.Messaging;

/// <summary>
/// The convention for retry, redelivery and dead letters, and how long what is done is remembered. <c>Cloud:Messaging</c>.
/// </summary>
public sealed class MessagingOptions
{
    /// <summary>The pause before each further try of a message that failed. After the last one it is a dead letter.</summary>
    [MinLength(1)]
    public IReadOnlyList<TimeSpan> RetryDelays { get; set; } =
    [
        TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5),
        TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(60),
    ];

    /// <summary>How often a replica looks for what others left: messages and sagas of a process that died.</summary>
    public TimeSpan Poll { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The same on SQLite, where there are no others: a net under the signals.</summary>
    public TimeSpan PollAlone { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Messages of different order keys that a replica handles at once, on PostgreSQL; on SQLite one.</summary>
    [Range(1, 8)]
    public int HandlersAtOnce { get; set; } = 4;

    /// <summary>Saga steps that run at once in a process, for each service.</summary>
    [Range(1, 1000)]
    public int StepsAtOnce { get; set; } = 32;

    /// <summary>For how long a replica's sagas are its own after it was last heard of.</summary>
    public TimeSpan SagaLease { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>For how long a message that was handled is known as such; a duplicate after that is handled again.</summary>
    public TimeSpan KeepHandled { get; set; } = TimeSpan.FromDays(7);

    /// <summary>For how long the timeline of a saga that ended is kept.</summary>
    public TimeSpan KeepSagas { get; set; } = TimeSpan.FromDays(30);
}
