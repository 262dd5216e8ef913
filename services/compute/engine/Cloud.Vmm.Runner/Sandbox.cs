using System.Runtime.InteropServices;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner;

/// <summary>
/// What a guest that broke out of its machine could not do: a seccomp filter over all threads refuses the system calls that start programs,
/// change who the process is, look into others, or reach the kernel's other machinery (as QEMU's <c>-sandbox on</c>). On x86-64; elsewhere
/// only "no new privileges" is set.
/// </summary>
internal static unsafe partial class Sandbox
{
    // linux/filter.h, linux/seccomp.h, linux/audit.h
    internal const uint Allow = 0x7FFF0000;
    internal const uint Refuse = 0x00050000;
    internal const uint Kill = 0x80000000;
    private const ushort LoadWord = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort JumpIfAtLeast = 0x35;
    private const ushort JumpIfAnySet = 0x45;
    private const ushort Return = 0x06;
    private const uint OffsetOfNumber = 0;
    private const uint OffsetOfArchitecture = 4;
    private const uint OffsetOfArgument = 16;
    private const uint ArchitectureX64 = 0xC000003E;
    private const uint OtherNumbering = 0x40000000;

    private const uint NotPermitted = 1;
    private const uint NoSuchCall = 38;
    private const uint NoSuchFamily = 97;
    private const uint CallSocket = 41;
    private const uint CallClone = 56;
    private const uint CallClone3 = 435;
    private const uint FamilyUnix = 1;
    private const uint CloneThread = 0x00010000;

    private const int SetNoNewPrivileges = 38;
    private const int CallSeccomp = 317;
    private const nuint SetModeFilter = 1;
    private const nuint AllThreads = 1;

    /// <summary>By number, asm/unistd_64.h.</summary>
    internal static readonly (string Name, uint Number)[] Refused =
    [
        // Programs and processes. Threads come by clone, see above.
        ("fork", 57), ("vfork", 58), ("execve", 59), ("execveat", 322),
        // Other processes.
        ("ptrace", 101), ("process_vm_readv", 310), ("process_vm_writev", 311), ("kcmp", 312), ("pidfd_getfd", 438),
        ("process_madvise", 440),
        // Who the process is.
        ("setuid", 105), ("setgid", 106), ("setreuid", 113), ("setregid", 114), ("setgroups", 116), ("setresuid", 117), ("setresgid", 119),
        ("setfsuid", 122), ("setfsgid", 123), ("capset", 126), ("personality", 135), ("setpriority", 141),
        ("keyctl", 250), ("add_key", 248), ("request_key", 249),
        // What it sees.
        ("pivot_root", 155), ("chroot", 161), ("mount", 165), ("umount2", 166), ("unshare", 272), ("setns", 308),
        ("name_to_handle_at", 303), ("open_by_handle_at", 304), ("open_tree", 428), ("move_mount", 429), ("fsopen", 430),
        ("fsconfig", 431), ("fsmount", 432), ("fspick", 433), ("mount_setattr", 442), ("fanotify_init", 300),
        ("mknod", 133), ("mknodat", 259),
        // The kernel and the host.
        ("syslog", 103), ("acct", 163), ("settimeofday", 164), ("clock_settime", 227), ("adjtimex", 159), ("clock_adjtime", 305),
        ("swapon", 167), ("swapoff", 168), ("reboot", 169), ("sethostname", 170), ("setdomainname", 171), ("iopl", 172), ("ioperm", 173),
        ("init_module", 175), ("delete_module", 176), ("finit_module", 313), ("quotactl", 179), ("quotactl_fd", 443),
        ("kexec_load", 246), ("kexec_file_load", 320), ("perf_event_open", 298), ("bpf", 321), ("userfaultfd", 323), ("modify_ldt", 154),
        ("io_uring_setup", 425), ("io_uring_enter", 426), ("io_uring_register", 427), ("vhangup", 153), ("lookup_dcookie", 212),
    ];

    /// <summary>An instruction of the filter (struct sock_filter).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal record struct Step(ushort Code, byte JumpTrue, byte JumpFalse, uint Operand);

    /// <summary>From here on, for good, for every thread that is and will be.</summary>
    /// <exception cref="OptionException">The kernel does not take it.</exception>
    internal static void Enter()
    {
        if (ProcessControl(SetNoNewPrivileges, 1, 0, 0, 0) != 0)
        {
            throw new OptionException($"No new privileges cannot be set: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return;
        }

        Step[] filter = Build();
        fixed (Step* steps = filter)
        {
            var program = new FilterProgram { Length = (ushort)filter.Length, Steps = steps };
            nint answer = SystemCall(CallSeccomp, SetModeFilter, AllThreads, &program);
            if (answer != 0)
            {
                throw new OptionException(answer > 0
                    ? $"The system call filter is not taken by thread {answer}."
                    : $"The system call filter is not taken: {Marshal.GetLastPInvokeErrorMessage()}");
            }
        }
    }

    /// <summary>The filter: what is not refused is allowed.</summary>
    internal static Step[] Build() =>
    [
        new(LoadWord, 0, 0, OffsetOfArchitecture), new(JumpIfEqual, 1, 0, ArchitectureX64), Ends(Kill),
        new(LoadWord, 0, 0, OffsetOfNumber), new(JumpIfAtLeast, 0, 1, OtherNumbering), Ends(Refuse | NotPermitted),

        // The C library takes clone where there is no clone3, whose flags lie in memory.
        new(JumpIfEqual, 0, 1, CallClone3), Ends(Refuse | NoSuchCall),
        new(JumpIfEqual, 0, 4, CallClone), new(LoadWord, 0, 0, OffsetOfArgument),
        new(JumpIfAnySet, 0, 1, CloneThread), Ends(Allow), Ends(Refuse | NotPermitted),
        new(JumpIfEqual, 0, 4, CallSocket), new(LoadWord, 0, 0, OffsetOfArgument),
        new(JumpIfEqual, 0, 1, FamilyUnix), Ends(Allow), Ends(Refuse | NoSuchFamily),
        .. Refused.SelectMany(call => (Step[])[new(JumpIfEqual, 0, 1, call.Number), Ends(Refuse | NotPermitted)]),
        Ends(Allow),
    ];

    private static Step Ends(uint action) => new(Return, 0, 0, action);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int ProcessControl(int option, nuint value, nuint third, nuint fourth, nuint fifth);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nuint operation, nuint flags, FilterProgram* program);

    /// <summary>struct sock_fprog.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        internal ushort Length;
        internal Step* Steps;
    }
}
