using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Cloud.Vmm.RiscV;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Debug;

namespace Cloud.Vmm.Runner.Gdb;

/// <summary>
/// One debugger (gdb manual, appendix E). Each hart is a thread, numbered from 1. The machine stands still but for the time between a
/// "continue" and what ends it: a breakpoint, or the debugger's wish. Memory is seen as the hart's present mode sees it.
/// </summary>
internal sealed class GdbSession(Socket client, Supervisor supervisor) : IHartObserver, IDisposable
{
    private const int MemoryBytesMax = GdbLink.PacketBytesMax / 2 - 16;
    private const string Ok = "OK";
    private const string Failed = "E01";
    private const string NotKnown = "";

    private readonly GdbLink _link = new(client);
    private readonly HashSet<ulong> _breakpoints = [];
    private readonly BlockingCollection<Happening> _happenings = [];
    private readonly bool _ran = supervisor.State == RunState.Running;
    private int _hart;
    private int _hit;
    private int _run;
    private bool _left;

    private Machine Machine => supervisor.Guest.Machine;

    private Hart Current => Machine.Harts[_hart];

    /// <summary>Serves until the debugger leaves; the machine then goes on as it was before it came.</summary>
    internal void Serve()
    {
        supervisor.Stop();
        new Thread(ReadAll) { IsBackground = true, Name = "gdb-reader" }.Start();
        try
        {
            foreach (Happening happening in _happenings.GetConsumingEnumerable())
            {
                if (happening.Packet is GdbLink.Interrupt || happening.Packet is null)
                {
                    // What came too late: it stands already.
                    continue;
                }

                if (Answer(happening.Packet) is { } answer)
                {
                    _link.Send(answer);
                }

                if (happening.Packet.StartsWith('D'))
                {
                    // It acknowledges that, and then closes the connection itself.
                    Leave();
                }
                else if (happening.Packet == "k")
                {
                    return;
                }
            }
        }
        finally
        {
            Leave();
        }
    }

    public void Dispose()
    {
        _link.Dispose();
        client.Dispose();
        _happenings.Dispose();
    }

    /// <summary>Stops at a breakpoint: all harts do, by whoever waits for this one.</summary>
    public unsafe bool BeforeInstruction(Hart hart)
    {
        if (!_breakpoints.Contains(hart.State->Pc))
        {
            return true;
        }

        if (Interlocked.Exchange(ref _hit, 1) == 0)
        {
            _happenings.Add(new Happening(null, hart.Id, _run));
        }

        return false;
    }

    /// <summary>The machine goes on as it was before the debugger came.</summary>
    private void Leave()
    {
        if (!_left)
        {
            _left = true;
            Observe(null);
            if (_ran)
            {
                supervisor.Continue();
            }
        }
    }

    private void ReadAll()
    {
        try
        {
            while (_link.Read() is { } packet)
            {
                _happenings.Add(new Happening(packet, 0, 0));
            }
        }
        catch (Exception gone) when (gone is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The session ends by the same.
        }

        try
        {
            _happenings.CompleteAdding();
        }
        catch (ObjectDisposedException)
        {
            // It has ended already.
        }
    }

    private string? Answer(string packet) => (packet.Length == 0 ? ' ' : packet[0]) switch
    {
        '?' => StopReply(),
        'g' => string.Concat(Enumerable.Range(0, GdbRegisters.General).Select(number => Hex(GdbRegisters.Read(Current, number)!.Value))),
        'G' => WriteAll(packet[1..]),
        'p' => Number(packet[1..]) is { } number && GdbRegisters.Read(Current, (int)number) is { } value ? Hex(value) : Failed,
        'P' => WriteOne(packet[1..]),
        'm' => ReadMemory(packet[1..]),
        'M' => WriteMemory(packet[1..]),
        'Z' or 'z' => Breakpoint(packet),
        'H' => Select(packet[1..]),
        'T' => Thread(packet[1..]) is null ? Failed : Ok,
        'c' => Continue(),
        's' => Step(_hart),
        'D' => Ok,
        'k' => null,
        'q' or 'v' => Query(packet),
        _ => NotKnown,
    };

    private string Query(string packet)
    {
        const string Features = "qXfer:features:read:target.xml:";
        switch (packet)
        {
            case "vCont?":
                return "vCont;c;C;s;S";
            case "qAttached":
                return "1";
            case "qC":
                return $"QC{_hart + 1}";
            case "qfThreadInfo":
                return "m" + string.Join(',', Machine.Harts.Select(hart => (hart.Id + 1).ToString("x", CultureInfo.InvariantCulture)));
            case "qsThreadInfo":
                return "l";
        }

        if (packet.StartsWith("qSupported", StringComparison.Ordinal))
        {
            return string.Create(
                CultureInfo.InvariantCulture, $"PacketSize={GdbLink.PacketBytesMax:x};qXfer:features:read+;vContSupported+;hwbreak+");
        }

        if (packet.StartsWith(Features, StringComparison.Ordinal))
        {
            return Part(GdbRegisters.TargetXml, packet[Features.Length..]);
        }

        if (packet.StartsWith("qThreadExtraInfo,", StringComparison.Ordinal))
        {
            return Thread(packet["qThreadExtraInfo,".Length..]) is { } of
                ? Convert.ToHexStringLower(Encoding.ASCII.GetBytes($"hart {of}, {Machine.Harts[of].Mode} mode"))
                : Failed;
        }

        return packet.StartsWith("vCont;", StringComparison.Ordinal) ? Resume(packet["vCont;".Length..]) : NotKnown;
    }

    /// <summary>The first action that steps a hart steps that one alone; else all go on.</summary>
    private string Resume(string actions)
    {
        foreach (string action in actions.Split(';'))
        {
            if (action.Length > 0 && action[0] is 's' or 'S')
            {
                int colon = action.IndexOf(':');
                return Step(colon < 0 ? _hart : Thread(action[(colon + 1)..]) ?? _hart);
            }
        }

        return Continue();
    }

    private string Step(int hart)
    {
        Machine.Harts[hart].StepOnce();
        _hart = hart;
        return StopReply();
    }

    /// <summary>Lets the machine run until a breakpoint, or until the debugger asks.</summary>
    private string Continue()
    {
        _hit = 0;
        _run++;
        Observe(_breakpoints.Count > 0 ? this : null);
        supervisor.Continue();
        string reply = "X09";
        foreach (Happening happening in _happenings.GetConsumingEnumerable())
        {
            if (happening.Packet is null && happening.Run == _run)
            {
                _hart = happening.Hart;
                reply = StopReply();
                break;
            }

            if (happening.Packet == GdbLink.Interrupt)
            {
                reply = string.Create(CultureInfo.InvariantCulture, $"T02thread:{_hart + 1:x};");
                break;
            }
        }

        supervisor.Stop();
        Observe(null);
        return reply;
    }

    private void Observe(IHartObserver? observer)
    {
        supervisor.Stop();
        Array.ForEach(Machine.Harts, hart => hart.Observer = observer);
    }

    private string StopReply() => string.Create(CultureInfo.InvariantCulture, $"T05thread:{_hart + 1:x};");

    private string Breakpoint(string packet)
    {
        string[] parts = packet[1..].Split(',');
        if (parts.Length < 3 || parts[0] is not ("0" or "1") || Number(parts[1]) is not { } address)
        {
            return NotKnown;
        }

        _ = packet[0] == 'Z' ? _breakpoints.Add(address) : _breakpoints.Remove(address);
        return Ok;
    }

    private string Select(string packet)
    {
        if (packet.Length < 2 || packet[1..] is not ("0" or "-1") && Thread(packet[1..]) is null)
        {
            return Failed;
        }

        _hart = Thread(packet[1..]) ?? _hart;
        return Ok;
    }

    private string WriteAll(string values)
    {
        for (int number = 0; number < GdbRegisters.General && (number + 1) * 16 <= values.Length; number++)
        {
            if (Value(values.Substring(number * 16, 16)) is not { } value || !GdbRegisters.Write(Current, number, value))
            {
                return Failed;
            }
        }

        return Ok;
    }

    private string WriteOne(string assignment)
    {
        string[] parts = assignment.Split('=');
        return parts.Length == 2 && Number(parts[0]) is { } number && Value(parts[1]) is { } value
            && GdbRegisters.Write(Current, (int)number, value) ? Ok : Failed;
    }

    private string ReadMemory(string range)
    {
        if (!Range(range, out ulong address, out int size))
        {
            return Failed;
        }

        byte[] bytes = new byte[size];
        int read = 0;
        while (read < size && Machine.Readable(Current, address + (ulong)read, size - read) is { Length: > 0 } part)
        {
            part.CopyTo(bytes.AsSpan(read));
            read += part.Length;
        }

        return read == 0 && size > 0 ? Failed : Convert.ToHexStringLower(bytes.AsSpan(0, read));
    }

    private string WriteMemory(string packet)
    {
        string[] parts = packet.Split(':');
        if (parts.Length != 2 || !Range(parts[0], out ulong address, out int size) || parts[1].Length != 2 * size)
        {
            return Failed;
        }

        try
        {
            return Machine.TryWrite(Current, address, Convert.FromHexString(parts[1])) ? Ok : Failed;
        }
        catch (FormatException)
        {
            return Failed;
        }
    }

    private static bool Range(string text, out ulong address, out int size)
    {
        string[] parts = text.Split(',');
        (address, size) = (0, 0);
        if (parts.Length != 2 || Number(parts[0]) is not { } at || Number(parts[1]) is not { } length || length > MemoryBytesMax)
        {
            return false;
        }

        (address, size) = (at, (int)length);
        return true;
    }

    private static string Part(string whole, string range)
    {
        if (!Range(range, out ulong from, out int size) || from > (ulong)whole.Length)
        {
            return Failed;
        }

        string part = whole.Substring((int)from, Math.Min(size, whole.Length - (int)from));
        return ((int)from + part.Length < whole.Length ? "m" : "l") + part;
    }

    /// <summary>The hart of a thread's number; null where there is none.</summary>
    private int? Thread(string number) =>
        Number(number) is { } thread and > 0 && thread <= (ulong)Machine.Harts.Length ? (int)thread - 1 : null;

    private static ulong? Number(string hex) =>
        ulong.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong number) ? number : null;

    /// <summary>A register in the target's order of bytes.</summary>
    private static string Hex(ulong value) => BinaryPrimitives.ReverseEndianness(value).ToString("x16", CultureInfo.InvariantCulture);

    private static ulong? Value(string hex) =>
        hex.Length == 16 && Number(hex) is { } value ? BinaryPrimitives.ReverseEndianness(value) : null;

    /// <param name="Packet">What came; null where a hart stopped by itself.</param>
    /// <param name="Hart">That hart.</param>
    /// <param name="Run">In which of the runs.</param>
    private sealed record Happening(string? Packet, int Hart, int Run);
}
