using System.Text;
using Cloud.Vmm.Tests.Guests;

namespace Cloud.Vmm.Tests;

/// <summary>Somebody at a console.</summary>
internal sealed class TestTerminal : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly Stream _console;
    private readonly byte[] _buffer = new byte[4096];
    private Task<int>? _reading;

    private TestTerminal(Stream console) => _console = console;

    public static async Task<TestTerminal> OpenAsync(IVirtualMachine machine) =>
        new(await machine.OpenConsoleAsync(CancellationToken.None));

    public async Task TypeAsync(char character) => await _console.WriteAsync(Encoding.ASCII.GetBytes([character]));

    /// <summary>Whether a character is printed within a time. What is not asked for is lost.</summary>
    public async Task<bool> HearsWithinAsync(char character, TimeSpan time)
    {
        using var limit = new CancellationTokenSource(time);
        while (true)
        {
            _reading ??= _console.ReadAsync(_buffer).AsTask();
            if (await Task.WhenAny(_reading, Task.Delay(Timeout.Infinite, limit.Token)) != _reading)
            {
                return false;
            }

            var read = await _reading;
            _reading = null;
            if (read == 0)
            {
                return false;
            }

            if (_buffer.AsSpan(0, read).Contains((byte)character))
            {
                return true;
            }
        }
    }

    /// <summary>Types a character and hears it come back.</summary>
    public async Task ExchangeAsync(char character)
    {
        await TypeAsync(character);
        (await HearsWithinAsync(character, Limit)).ShouldBeTrue();
    }

    /// <summary>Has the small guest count, and hears what it counted to.</summary>
    public async Task CountsToAsync(int count)
    {
        await TypeAsync(TinyGuest.Count);
        (await HearsWithinAsync((char)('0' + count), Limit)).ShouldBeTrue();
    }

    public ValueTask DisposeAsync() => _console.DisposeAsync();
}
