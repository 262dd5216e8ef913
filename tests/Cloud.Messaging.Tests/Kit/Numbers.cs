using Cloud.Primitives;

namespace Cloud.Messaging.Tests.Kit;

/// <summary>A number of a key; the numbers of a key are published in their order.</summary>
[MessageName("number-made")]
internal sealed record NumberMade(string Key, int Number);

/// <summary>Writes down that the number came; writes it twice when it comes twice.</summary>
internal sealed class NumberHandler(NumberTrouble trouble) : IMessageHandler<SinkDb, NumberMade>
{
    public async Task HandleAsync(NumberMade message, SinkDb db, CancellationToken ct)
    {
        db.Effects.Add(new Effect { Key = message.Key, Number = message.Number });
        await db.SaveChangesAsync(ct);
        await trouble.BeforeEndAsync(message, ct);
    }
}

/// <summary>What goes wrong after the handler's work and before its commit.</summary>
internal sealed class NumberTrouble
{
    public Func<NumberMade, CancellationToken, Task> BeforeEndAsync { get; set; } = (_, _) => Task.CompletedTask;

    public static CloudException Refusal() => new(ErrorKind.Conflict, "refused", "This number is refused.");
}
