using Cloud.Primitives;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.ServiceDefaults.Idempotency;

/// <summary>A route that changes something, in front of its handler: a call without the header passes through.</summary>
internal sealed class IdempotentRoute<TContext>(RequestDelegate serve, string route, bool streamed)
    where TContext : DbContext
{
    /// <summary>An answer larger than this is made anew from the resource when it is asked for again.</summary>
    private const int AnswerBytesMax = 256 * 1024;

    /// <summary>How long a second call waits for the first with the same key, in this process.</summary>
    private static readonly TimeSpan TurnLimit = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    public Task ServeAsync(HttpContext context) =>
        context.Request.Headers.ContainsKey(IdempotencyKey.Header) ? ServeOnceAsync(context) : serve(context);

    private async Task ServeOnceAsync(HttpContext context)
    {
        var key = await IdempotencyKey.ReadAsync(context, streamed);
        var services = context.RequestServices;
        var store = new IdempotentCalls<TContext>(services.GetRequiredService<IDbContextFactory<TContext>>());
        using var turn = await services.GetRequiredService<CallTurns>().TakeAsync(key.Id, TurnLimit, context.RequestAborted);
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        if (await store.FindAsync(key, now, context.RequestAborted) is { } known)
        {
            await RepeatAsync(context, key, known);
            return;
        }

        if (turn is null)
        {
            throw InProgress();
        }

        await ServeFirstAsync(context, key, store, IdempotentCall.Begin(key.Id, key.Fingerprint, now + Lifetime));
    }

    private async Task ServeFirstAsync(HttpContext context, IdempotencyKey key, IdempotentCalls<TContext> store, IdempotentCall call)
    {
        var services = context.RequestServices;
        var now = call.ExpiresAt - Lifetime;
        IdempotentAnswer answer;
        using (new IdempotencyClaim(services.GetRequiredService<TContext>(), call))
        {
            try
            {
                answer = await IdempotentAnswer.CaptureAsync(context, serve);
            }
            catch (Exception exception) when (exception is CloudException or DbUpdateException)
            {
                // Another process may have been first: then it was the key's row that could not be saved, whatever the handler made of it.
                if (await store.FindAsync(key, now, context.RequestAborted) is not { } other)
                {
                    throw;
                }

                await RepeatAsync(context, key, other);
                return;
            }
        }

        if (answer.Succeeded)
        {
            var secret = services.GetRequiredService<AnswerSecret>().Bytes;
            call.Answered(answer.Body.Length <= AnswerBytesMax ? answer.Seal(secret, key) : []);
            // Once the work is done, its answer is kept also for a caller that has gone.
            await store.KeepAsync(call, now, CancellationToken.None);
        }

        await answer.WriteAsync(context, replayed: false);
    }

    private async Task RepeatAsync(HttpContext context, IdempotencyKey key, IdempotentCall known)
    {
        if (known.Fingerprint != key.Fingerprint)
        {
            throw new CloudException(
                ErrorKind.Unprocessable, "idempotency-key-reused",
                "This Idempotency-Key was used for another call. Take a new key for a new call.");
        }

        var services = context.RequestServices;
        var answer = known.Answer is { Length: > 0 } kept
            ? IdempotentAnswer.Open(kept, services.GetRequiredService<AnswerSecret>().Bytes, key)
            : null;
        answer ??= await services.GetRequiredService<ResourceReads>().AnswerAsync(context, route, known.MadeIds);
        await (answer ?? throw InProgress()).WriteAsync(context, replayed: true);
    }

    /// <summary>It holds the key and has no answer yet.</summary>
    private static CloudException InProgress() => new(
        ErrorKind.Conflict, "idempotency-in-progress", "A call with this Idempotency-Key is under way. Ask again in a moment.")
    {
        RetryAfter = TimeSpan.FromSeconds(1),
    };
}
