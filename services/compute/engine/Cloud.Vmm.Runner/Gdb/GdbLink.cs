using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Cloud.Vmm.Runner.Gdb;

/// <summary>The packets of GDB's remote serial protocol (gdb manual, appendix E.1): $data#sum, acknowledged by + or -.</summary>
internal sealed class GdbLink(Socket client) : IDisposable
{
    internal const int PacketBytesMax = 16 * 1024;

    /// <summary>What stands for the byte by which GDB asks a running machine to stop.</summary>
    internal const string Interrupt = "\u0003";

    private readonly NetworkStream _stream = new(client);
    private readonly byte[] _buffer = new byte[4096];
    private int _at;
    private int _filled;

    /// <summary>The next packet, or <see cref="Interrupt"/>; null at the end, or where it is no packet.</summary>
    internal string? Read()
    {
        while (Next() is var start and >= 0)
        {
            if (start == Interrupt[0])
            {
                return Interrupt;
            }

            if (start != '$')
            {
                continue;
            }

            var packet = new StringBuilder();
            byte sum = 0;
            for (int value = Next(); value != '#'; value = Next())
            {
                if (value < 0 || packet.Length >= PacketBytesMax)
                {
                    return null;
                }

                sum += (byte)value;
                packet.Append((char)value);
            }

            string claimed = $"{(char)Next()}{(char)Next()}";
            bool whole = byte.TryParse(claimed, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte said) && said == sum;
            _stream.WriteByte(whole ? (byte)'+' : (byte)'-');
            if (whole)
            {
                return packet.ToString();
            }
        }

        return null;
    }

    /// <summary>Sends a packet; from any one thread at a time.</summary>
    internal void Send(string packet)
    {
        byte sum = 0;
        foreach (char value in packet)
        {
            sum += (byte)value;
        }

        _stream.Write(Encoding.Latin1.GetBytes(string.Create(CultureInfo.InvariantCulture, $"${packet}#{sum:x2}")));
    }

    public void Dispose() => _stream.Dispose();

    private int Next()
    {
        if (_at == _filled)
        {
            _at = 0;
            _filled = _stream.Read(_buffer);
            if (_filled == 0)
            {
                return -1;
            }
        }

        return _buffer[_at++];
    }
}
