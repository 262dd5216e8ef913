using System.Text;
using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.Tests;

/// <summary>A deterministic machine with a program at the start of memory, run step by step on the test's own thread.</summary>
internal sealed unsafe class Board : IDisposable
{
    private readonly StringBuilder _printed = new();

    internal Board(byte[] program, bool translate, MachineOptions? options = null)
    {
        Machine = new Machine((options ?? new MachineOptions { MemoryBytes = 4 << 20 }) with
        {
            Kernel = program,
            Deterministic = true,
            Translate = translate,
            Console = value => _printed.Append((char)value),
        });
        Hart.State->Pc = MemoryMap.Ram;
    }

    internal Machine Machine { get; }

    internal Hart Hart => Machine.Harts[0];

    internal string Printed => _printed.ToString();

    internal ulong this[int register]
    {
        get => Hart.State->X[register];
        set => Hart.State->X[register] = value;
    }

    internal ulong Pc
    {
        get => Hart.State->Pc;
        set => Hart.State->Pc = value;
    }

    /// <summary>Memory as doublewords, from its start.</summary>
    internal ref ulong Memory(ulong physical) => ref *(ulong*)(Machine.Ram.Host + (physical - MemoryMap.Ram));

    /// <summary>Runs so many instructions and exceptions, fewer where the hart waits.</summary>
    internal Board Run(int steps)
    {
        // A hart that is asked to look around returns early.
        for (int idle = 0; steps > 0 && idle < 2;)
        {
            int taken = Hart.Run(steps);
            steps -= taken;
            idle = taken == 0 ? idle + 1 : 0;
        }

        return this;
    }

    /// <summary>Runs until the test finisher is written, or so many steps are done; true where it was.</summary>
    internal bool RunToEnd(int stepsMax)
    {
        bool ended = false;
        using var told = new ManualResetEventSlim();
        Machine.Ended = _ => told.Set();
        for (int done = 0; done < stepsMax && !ended; done += 1000)
        {
            Hart.Run(1000);
            ended = told.Wait(0) || Machine.IsEnding && told.Wait(TimeSpan.FromSeconds(10));
        }

        return ended;
    }

    public void Dispose() => Machine.Dispose();
}
