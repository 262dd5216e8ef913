using System.Globalization;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Debug;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner;

/// <summary>
/// Writes each instruction that harts run to a file, a line each: hart, mode, address, encoding, text. Harts are slow meanwhile.
/// </summary>
internal sealed class InstructionTrace : IHartObserver, IDisposable
{
    private readonly Lock _lock = new();
    private readonly StreamWriter _file;
    private readonly long _from;
    private readonly long _to;
    private long _seen;

    /// <param name="trace">file=PATH, and from=N and count=N: how many are passed over, and how many written.</param>
    /// <exception cref="OptionException">The file cannot be made.</exception>
    internal InstructionTrace(Properties trace)
    {
        _from = trace.LongNumber("from");
        long count = trace.LongNumber("count");
        _to = count == 0 ? long.MaxValue : _from + count;
        _file = HostFiles.CreateText(trace.Required("file"));
    }

    public bool BeforeInstruction(Hart hart)
    {
        lock (_lock)
        {
            long number = _seen++;
            if (number >= _to)
            {
                // All that was asked for is there: from here on the hart runs as fast as it can.
                hart.Observer = null;
                _file.Flush();
            }
            else if (number >= _from)
            {
                _file.WriteLine(Line(hart));
            }
        }

        return true;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _file.Dispose();
        }
    }

    private static unsafe string Line(Hart hart)
    {
        ulong address = hart.State->Pc;
        string encoding = "";
        string text = "not to be fetched";
        if (hart.InstructionAt(address) is { } instruction)
        {
            encoding = instruction.Raw.ToString(instruction.Length == 2 ? "x4" : "x8", CultureInfo.InvariantCulture);
            text = Disassembler.Text(instruction, address);
        }

        return string.Create(CultureInfo.InvariantCulture, $"{hart.Id} {hart.Mode.ToString()[0]} 0x{address:x16} {encoding,-8} {text}");
    }
}
