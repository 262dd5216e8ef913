using System.Globalization;

namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>
/// What took a hart out of its guest's own instructions, since it was made. Written by the hart's thread alone; who reads sees each number
/// whole.
/// </summary>
internal sealed class HartCounters
{
    private const int CodesMax = 16;
    private const ulong InterruptBit = 1UL << 63;

    private readonly long[] _exceptions = new long[CodesMax];
    private readonly long[] _interrupts = new long[CodesMax];

    internal long Waits { get; set; }

    internal long DeviceReads { get; set; }

    internal long DeviceWrites { get; set; }

    internal long TlbFills { get; set; }

    internal long CodePages { get; set; }

    internal void Trap(ulong cause)
    {
        long[] counts = (cause & InterruptBit) != 0 ? _interrupts : _exceptions;
        counts[cause & (CodesMax - 1)]++;
    }

    /// <summary>The counts that are not 0, by what they count.</summary>
    internal IEnumerable<(string Name, long Count)> Read()
    {
        IEnumerable<(string Name, long Count)> all =
        [
            .. _exceptions.Select((count, code) => ($"exception {NameOf((TrapCause)code)}", count)),
            .. _interrupts.Select((count, code) => ($"interrupt {InterruptName(code)}", count)),
            ("wait for interrupt", Waits), ("device read", DeviceReads), ("device write", DeviceWrites), ("tlb fill", TlbFills),
            ("code page", CodePages),
        ];
        return all.Where(counted => counted.Count != 0);
    }

    /// <summary>IllegalInstruction as "illegal instruction".</summary>
    private static string NameOf(TrapCause cause) => Enum.IsDefined(cause)
        ? string.Concat(cause.ToString().Select((letter, at) =>
            char.IsUpper(letter) ? $"{(at == 0 ? "" : " ")}{char.ToLowerInvariant(letter)}" : letter.ToString()))
        : ((ulong)cause).ToString(CultureInfo.InvariantCulture);

    private static string InterruptName(int code) => code switch
    {
        1 => "supervisor software",
        3 => "machine software",
        5 => "supervisor timer",
        7 => "machine timer",
        9 => "supervisor external",
        11 => "machine external",
        _ => code.ToString(CultureInfo.InvariantCulture),
    };
}
