using System.Diagnostics;
using System.Text;

namespace Cloud.Vmm.Oci;

/// <summary>A process of the runtime whose command in a container is fed by a stream and read as one, in constant memory.</summary>
internal sealed class RuntimeStreams
{
    private const int ErrorTailBytes = 8 << 10;

    private readonly Process _process;
    private readonly CancellationTokenSource _over;

    private RuntimeStreams(Process process, CancellationTokenSource over)
    {
        _process = process;
        _over = over;
    }

    /// <summary>Sees to its end, however that comes; the process is no longer the caller's.</summary>
    public static async Task<GuestCommandEnd> RunAsync(
        Process process, Stream? input, Func<Stream, CancellationToken, Task>? output, CancellationToken ct)
    {
        using var owned = process;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        return await new RuntimeStreams(process, over).RunAsync(input, output, ct);
    }

    private async Task<GuestCommandEnd> RunAsync(Stream? input, Func<Stream, CancellationToken, Task>? output, CancellationToken ct)
    {
        var feeding = OrKillAsync(() => FeedAsync(input ?? Stream.Null));
        var error = ReadTailAsync(_process.StandardError.BaseStream);
        var reading = OrKillAsync(() => ReadAsync(output));
        await using var kill = ct.Register(Kill);
        await _process.WaitForExitAsync(CancellationToken.None);
        try
        {
            await reading;
        }
        finally
        {
            // What it did not read, nobody reads.
            await _over.CancelAsync();
            await feeding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        ct.ThrowIfCancellationRequested();
        await feeding;
        return new GuestCommandEnd(_process.ExitCode, await error);
    }

    /// <summary>Half an input is none, and an output that nobody takes is for nobody.</summary>
    private async Task OrKillAsync(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch
        {
            Kill();
            throw;
        }
    }

    private async Task FeedAsync(Stream input)
    {
        await using var pipe = _process.StandardInput.BaseStream;
        var buffer = new byte[64 << 10];
        try
        {
            int read;
            while ((read = await input.ReadAsync(buffer, _over.Token)) > 0 && await TryWriteAsync(pipe, buffer.AsMemory(0, read)))
            {
            }
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            // It has ended without the rest.
        }
    }

    /// <summary>False where it reads no more.</summary>
    private async Task<bool> TryWriteAsync(Stream pipe, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await pipe.WriteAsync(bytes, _over.Token);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task ReadAsync(Func<Stream, CancellationToken, Task>? output)
    {
        var pipe = _process.StandardOutput.BaseStream;
        if (output is not null)
        {
            await output(pipe, _over.Token);
        }

        await pipe.CopyToAsync(Stream.Null, _over.Token);
    }

    private static async Task<string> ReadTailAsync(Stream stream)
    {
        var buffer = new byte[2 * ErrorTailBytes];
        int held = 0, read;
        while ((read = await stream.ReadAsync(buffer.AsMemory(held))) > 0)
        {
            held += read;
            if (held > ErrorTailBytes)
            {
                buffer.AsSpan(held - ErrorTailBytes, ErrorTailBytes).CopyTo(buffer);
                held = ErrorTailBytes;
            }
        }

        return Encoding.UTF8.GetString(buffer, 0, held);
    }

    /// <summary>The command is a child of the runtime's process.</summary>
    private void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended already.
        }
    }
}
