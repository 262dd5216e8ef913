using System.Buffers;
using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Cloud.Primitives;

namespace Cloud.Database.Redis;

/// <summary>A connection of the service's own user to a Redis server, over TLS (RESP2: redis.io, "Redis serialization protocol").</summary>
internal sealed class RedisConnection : IAsyncDisposable
{
    /// <summary>Nothing that is asked here has a longer answer.</summary>
    private const int AnswerBytesMax = 16 << 20;
    private const int ElementsMax = 100_000;

    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(10);

    private readonly SslStream _stream;
    private readonly byte[] _buffer = new byte[8192];
    private int _at;
    private int _end;
    private int _answerBytes;

    private RedisConnection(SslStream stream) => _stream = stream;

    /// <param name="authority">Whose certificates are believed.</param>
    /// <exception cref="CloudException">It does not take connections now.</exception>
    public static async Task<RedisConnection> OpenAsync(
        int port, string user, string password, X509Certificate2 authority, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(ConnectLimit);
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync("127.0.0.1", port, limit.Token);
            var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "localhost",
                    CertificateChainPolicy = new X509ChainPolicy
                    {
                        TrustMode = X509ChainTrustMode.CustomRootTrust,
                        CustomTrustStore = { authority },
                        RevocationMode = X509RevocationMode.NoCheck,
                    },
                },
                limit.Token);
            var connection = new RedisConnection(stream);
            await connection.SendAsync(limit.Token, "AUTH", user, password);

            // While it reads its files it says so.
            await connection.SendAsync(limit.Token, "PING");
            return connection;
        }
        catch (Exception away) when (away is IOException or SocketException or AuthenticationException or RedisException
            || (away is OperationCanceledException && !ct.IsCancellationRequested))
        {
            socket.Dispose();
            throw Away(away);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends a command.</summary>
    /// <returns>A text, a number (<c>long</c>), a list of such, or null.</returns>
    /// <exception cref="RedisException">The server refused it.</exception>
    public async Task<object?> SendAsync(CancellationToken ct, params IReadOnlyList<string> words)
    {
        var command = new ArrayBufferWriter<byte>();
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"*{words.Count}\r\n"), command);
        foreach (var word in words)
        {
            var length = Encoding.UTF8.GetByteCount(word);
            Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"${length}\r\n{word}\r\n"), command);
        }

        _answerBytes = 0;
        try
        {
            await _stream.WriteAsync(command.WrittenMemory, ct);
            await _stream.FlushAsync(ct);
            return await ReadAsync(ct);
        }
        catch (IOException away)
        {
            throw Away(away);
        }
    }

    /// <summary>The lines <c>name:value</c> of <c>INFO</c>.</summary>
    public async Task<IReadOnlyDictionary<string, string>> InfoAsync(CancellationToken ct, params IReadOnlyList<string> sections)
    {
        var text = (string)(await SendAsync(ct, ["INFO", .. sections]))!;
        return text.Split("\r\n").Select(line => line.Split(':', 2)).Where(pair => pair.Length == 2)
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
    }

    /// <summary>The server's clock.</summary>
    public async Task<DateTimeOffset> TimeAsync(CancellationToken ct)
    {
        var parts = (List<object?>)(await SendAsync(ct, "TIME"))!;
        var (seconds, microseconds) = (long.Parse((string)parts[0]!, CultureInfo.InvariantCulture),
            long.Parse((string)parts[1]!, CultureInfo.InvariantCulture));
        return DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private async Task<object?> ReadAsync(CancellationToken ct)
    {
        var line = await ReadLineAsync(ct);
        if (line.Length == 0)
        {
            throw new IOException("The server's answer is not of its protocol.");
        }

        var rest = line[1..];
        switch (line[0])
        {
            case '+':
                return rest;
            case '-':
                throw new RedisException(rest);
            case ':':
                return long.Parse(rest, CultureInfo.InvariantCulture);
            case '$':
                var length = int.Parse(rest, CultureInfo.InvariantCulture);
                return length < 0 ? null : await ReadTextAsync(length, ct);
            case '*':
                var count = int.Parse(rest, CultureInfo.InvariantCulture);
                return count < 0 ? null : await ReadListAsync(count, ct);
            default:
                throw new IOException("The server's answer is not of its protocol.");
        }
    }

    private async Task<List<object?>> ReadListAsync(int count, CancellationToken ct)
    {
        Bound(count, ElementsMax);
        var list = new List<object?>(count);
        for (var at = 0; at < count; at++)
        {
            list.Add(await ReadAsync(ct));
        }

        return list;
    }

    private async Task<string> ReadTextAsync(int length, CancellationToken ct)
    {
        Bound(length, AnswerBytesMax);
        var bytes = new byte[length + 2];
        for (var at = 0; at < bytes.Length; at++)
        {
            bytes[at] = await ReadByteAsync(ct);
        }

        return Encoding.UTF8.GetString(bytes, 0, length);
    }

    private async Task<string> ReadLineAsync(CancellationToken ct)
    {
        var line = new StringBuilder();
        for (var last = '\0'; ;)
        {
            var next = (char)await ReadByteAsync(ct);
            if (last == '\r' && next == '\n')
            {
                return line.ToString(0, line.Length - 1);
            }

            line.Append(next);
            last = next;
        }
    }

    private async ValueTask<byte> ReadByteAsync(CancellationToken ct)
    {
        if (_at == _end)
        {
            (_at, _end) = (0, await _stream.ReadAsync(_buffer, ct));
            if (_end == 0)
            {
                throw new EndOfStreamException("The server has ended the connection.");
            }

            _answerBytes += _end;
            Bound(_answerBytes, AnswerBytesMax);
        }

        return _buffer[_at++];
    }

    private static CloudException Away(Exception reason) =>
        new(ErrorKind.Unavailable, "server-not-ready", "The server does not take connections now.", reason);

    private static void Bound(int size, int max)
    {
        if (size > max)
        {
            throw new IOException("The server's answer is too long.");
        }
    }
}

/// <summary>What a Redis server says of what it does not do.</summary>
internal sealed class RedisException(string message) : Exception(message);
