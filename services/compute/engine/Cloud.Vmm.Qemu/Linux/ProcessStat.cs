using System.Globalization;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>What /proc tells of a process (proc_pid_stat(5)).</summary>
/// <param name="State">'Z' for one that has ended and was not waited for.</param>
/// <param name="CpuTicks">User and system time.</param>
/// <param name="WaitedTicks">The same of its children that have ended and were waited for, and of theirs.</param>
/// <param name="StartTicks">When it was started, since the host's boot. With the number it names a process for good.</param>
/// <param name="ResidentBytes">Resident memory.</param>
internal sealed record ProcessStat(char State, long CpuTicks, long WaitedTicks, long StartTicks, long ResidentBytes)
{
    /// <summary>USER_HZ: what the kernel shows to programs, whatever its own rate.</summary>
    public const int TicksPerSecond = 100;

    // Counted from the state, the first field after the name.
    private const int UserTime = 11;
    private const int SystemTime = 12;
    private const int WaitedUserTime = 13;
    private const int WaitedSystemTime = 14;
    private const int StartTime = 19;
    private const int ResidentPages = 21;

    /// <summary>Null when there is no such process.</summary>
    public static ProcessStat? Read(int processId)
    {
        string text;
        try
        {
            text = File.ReadAllText($"/proc/{processId}/stat");
        }
        catch (IOException)
        {
            return null;
        }

        // The name stands in parentheses and may hold any character, ')' too.
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        long Number(int index) => long.Parse(fields[index], CultureInfo.InvariantCulture);
        return new ProcessStat(
            fields[0][0],
            Number(UserTime) + Number(SystemTime),
            Number(WaitedUserTime) + Number(WaitedSystemTime),
            Number(StartTime),
            Number(ResidentPages) * Environment.SystemPageSize);
    }

    public TimeSpan CpuTime => TimeSpan.FromSeconds(CpuTicks / (double)TicksPerSecond);

    public TimeSpan CpuTimeOfAll => TimeSpan.FromSeconds((CpuTicks + WaitedTicks) / (double)TicksPerSecond);

    /// <summary>For how long the process has been there, by the host's own clock since its boot.</summary>
    public TimeSpan ReadAge()
    {
        var uptime = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture);
        return TimeSpan.FromSeconds(Math.Max(0, uptime - (StartTicks / (double)TicksPerSecond)));
    }
}
