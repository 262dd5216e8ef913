using System.Security.Cryptography;
using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Cloud.Compute.Tests.Neighbours;

/// <summary>A command over HTTP: bytes both ways at once, and how it ended after them.</summary>
public sealed class ContainerCommandSocketTests : IAsyncLifetime
{
    private const int LargeBytes = 32 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly CalledService Service = new("compute", "The compute service");
    private static readonly ContainerCommand Echo = new(["echo"], new ContainerUser(7, 8));

    private readonly TaskCompletionSource _waits = new();
    private readonly TaskCompletionSource _cancelled = new();
    private readonly TaskCompletionSource<Exception> _inputFailed = new();
    private readonly HttpClient _http = new();
    private WebApplication _app = null!;
    private ContainerCommand? _asked;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Critical);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.UseWebSockets();
        _app.Map("/run", async (HttpContext context, CancellationToken ct) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await ContainerCommandSocket.ServeAsync(socket, RunAsync, ct);
        });
        await _app.StartAsync();
        _http.BaseAddress = new Uri(_app.Urls.First());
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }

    [Fact]
    public async Task Call_OfAnyLength_GivesBackAllBytes_AndThenHowItEnded()
    {
        var sent = RandomNumberGenerator.GetBytes(LargeBytes);
        byte[]? received = null;
        var end = await CallAsync(Echo, new MemoryStream(sent), async (output, ct) => received = await SHA256.HashDataAsync(output, ct));
        end.ShouldBe(new ContainerCommandEnd(3, "said"));
        received.ShouldBe(SHA256.HashData(sent));
        _asked!.Command.ShouldBe(["echo"]);
        _asked.User.ShouldBe(new ContainerUser(7, 8));
    }

    [Fact]
    public async Task Call_WithoutStreams_HasNoInputAndDropsTheOutput() =>
        (await CallAsync(Echo, null, null)).ExitCode.ShouldBe(3);

    [Fact]
    public async Task Call_WhoseOutputNobodyReadsYet_HoldsItsInputBack()
    {
        using var go = new SemaphoreSlim(0);
        var input = new InParts(new byte[LargeBytes]);
        var calling = CallAsync(Echo, input, async (output, ct) =>
        {
            await go.WaitAsync(ct);
            await output.CopyToAsync(Stream.Null, ct);
        });
        await Task.Delay(TimeSpan.FromSeconds(1));
        input.Position.ShouldBeLessThan(LargeBytes);
        go.Release();
        (await calling).ExitCode.ShouldBe(3);
    }

    [Fact]
    public async Task Call_ThatEndsBeforeItsInputDoes_Ends() =>
        (await CallAsync(new ContainerCommand(["true"]), new NeverEnding(), null)).ExitCode.ShouldBe(0);

    [Fact]
    public async Task Refusal_IsTheCallers()
    {
        var refused = await Should.ThrowAsync<CloudException>(() => CallAsync(new ContainerCommand(["refuse"]), new NeverEnding(), null));
        (refused.Kind, refused.Code, refused.Message).ShouldBe((ErrorKind.Conflict, "no", "It may not."));
    }

    [Fact]
    public async Task Caller_ThatIsCancelled_CancelsTheCommand()
    {
        using var cancelled = new CancellationTokenSource();
        var calling = ContainerCommandSocket.CallAsync(
            _http, "/run", Service, new ContainerCommand(["wait"]), null, null, cancelled.Token);
        await _waits.Task.WaitAsync(Limit);
        await cancelled.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => calling);
        await _cancelled.Task.WaitAsync(Limit);
    }

    [Fact]
    public async Task Caller_WhoseOutputFails_CancelsTheCommand()
    {
        await Should.ThrowAsync<InvalidDataException>(() => CallAsync(
            new ContainerCommand(["wait"]), null, async (output, ct) =>
            {
                await output.ReadExactlyAsync(new byte[10], ct);
                throw new InvalidDataException();
            }));
        await _cancelled.Task.WaitAsync(Limit);
    }

    [Fact]
    public async Task Input_ThatBreaksOff_IsNeverTakenForAWholeOne()
    {
        await Should.ThrowAsync<InvalidDataException>(() => CallAsync(Echo, new Failing(), null));
        await _inputFailed.Task.WaitAsync(Limit);
    }

    [Fact]
    public async Task Service_ThatDies_IsUnreachable_WhateverWasReadOfTheOutput_AndWhoeverOfReaderAndFeederSeesItFirst()
    {
        for (var round = 0; round < 200; round++)
        {
            var input = round % 2 == 0 ? null : new NeverEnding();
            var lost = await Should.ThrowAsync<CloudException>(() => CallAsync(new ContainerCommand(["die"]), input, null));
            (lost.Kind, lost.Code).ShouldBe((ErrorKind.Unavailable, "compute-unreachable"));
        }
    }

    private Task<ContainerCommandEnd> CallAsync(ContainerCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output) =>
        ContainerCommandSocket.CallAsync(_http, "/run", Service, command, input, output, CancellationToken.None).WaitAsync(Limit);

    private async Task<ContainerCommandEnd> RunAsync(
        ContainerCommand command, Stream input, Func<Stream, CancellationToken, Task> output, CancellationToken ct)
    {
        _asked = command;
        switch (command.Command[0])
        {
            case "true":
                return new ContainerCommandEnd(0, "");
            case "refuse":
                throw CloudException.Conflict("no", "It may not.");
            case "die":
                await output(new MemoryStream(new byte[1000]), ct);
                throw new InvalidOperationException();
            case "wait":
                try
                {
                    _waits.TrySetResult();
                    await output(new MemoryStream(new byte[1000]), ct);
                    await Task.Delay(Timeout.InfiniteTimeSpan, ct);
                }
                catch (OperationCanceledException)
                {
                    _cancelled.TrySetResult();
                    throw;
                }

                return new ContainerCommandEnd(0, "");
            default:
                try
                {
                    await output(input, ct);
                }
                catch (Exception failed)
                {
                    _inputFailed.TrySetResult(failed);
                    throw;
                }

                return new ContainerCommandEnd(3, "said");
        }
    }

    /// <summary>Read as a stream is that has nothing in memory.</summary>
    private class InParts(params byte[] bytes) : MemoryStream(bytes)
    {
        public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
        {
            var buffer = new byte[bufferSize];
            int read;
            while ((read = await ReadAsync(buffer, cancellationToken)) > 0)
            {
                await destination.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }
        }
    }

    private sealed class NeverEnding : InParts
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(1, cancellationToken);
            return buffer.Length;
        }
    }

    private sealed class Failing : InParts
    {
        private bool _begun;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(100, cancellationToken);
            if (_begun)
            {
                throw new InvalidDataException();
            }

            _begun = true;
            return buffer.Length;
        }
    }
}
