using System.Text.Json;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Messaging;

/// <summary>How a message of one type reaches its handler.</summary>
internal sealed record HandlerDefinition<TContext>(Func<IServiceProvider, string, TContext, CancellationToken, Task> HandleAsync)
    where TContext : DbContext
{
    public static HandlerDefinition<TContext> Of<TMessage, THandler>()
        where TMessage : notnull
        where THandler : class, IMessageHandler<TContext, TMessage> =>
        new((services, body, db, ct) => services.GetRequiredService<THandler>().HandleAsync(Read<TMessage>(body), db, ct));

    private static TMessage Read<TMessage>(string body)
    {
        try
        {
            return JsonSerializer.Deserialize<TMessage>(body, MessageJson.Options) ?? throw new JsonException("The message is null.");
        }
        catch (JsonException unreadable)
        {
            throw new CloudException(
                ErrorKind.Invalid, "message-unreadable", $"The message is no {typeof(TMessage).Name}: {unreadable.Message}", unreadable);
        }
    }
}
