using MassTransit;
using MassTransit.RabbitMqTransport;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;

namespace Cloud.Messaging;

/// <summary>
/// Lets a process that stops leave its queues as one that dies does: by closing their channels. MassTransit would cancel the
/// consumer first, and the broker then turns to the next replica at once, while it still waits for this one to acknowledge what it
/// has prefetched: those messages would come after later ones.
/// </summary>
internal sealed class RabbitMqLeave : IFilter<ChannelContext>, IHostedLifecycleService
{
    private readonly Lock _lock = new();
    private readonly HashSet<ChannelContext> _channels = [];
    private bool _isLeaving;

    /// <summary>A queue's channel, before anything is consumed by it, until it is gone.</summary>
    public async Task Send(ChannelContext context, IPipe<ChannelContext> next)
    {
        lock (_lock)
        {
            if (_isLeaving)
            {
                return;
            }

            _channels.Add(context);
        }

        try
        {
            await next.Send(context);
        }
        finally
        {
            lock (_lock)
            {
                _channels.Remove(context);
            }
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("leave");

    /// <summary>Before any hosted service stops, the bus included.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        ChannelContext[] channels;
        lock (_lock)
        {
            _isLeaving = true;
            channels = [.. _channels];
        }

        await Task.WhenAll(channels.Select(channel => CloseAsync(channel.Channel, cancellationToken)));
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static async Task CloseAsync(IChannel channel, CancellationToken ct)
    {
        try
        {
            await channel.AbortAsync(ct);
        }
        catch (ObjectDisposedException)
        {
            // It is closed: MassTransit disposes a channel as soon as it is, which may be before the call returns.
        }
    }
}
