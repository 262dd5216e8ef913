namespace Cloud.Vmm.RiscV.Cpu;

// What other threads ask of a hart: to look at its interrupts, to stop, to drop what it may store to.
internal sealed unsafe partial class Hart
{
    private readonly object _waitLock = new();
    private long _writeFlushesAsked;
    private long _writeFlushesDone;
    private volatile bool _parked = true;

    /// <summary>Every hart of the board, this one too; set once, before any runs.</summary>
    internal Hart[] Peers { get; set; } = [];

    /// <summary>Whether the hart lies in WFI.</summary>
    internal bool Waiting { get; private set; }

    /// <summary>Makes the hart leave its inner loop, or its wait, and look around; from any thread.</summary>
    internal void Attend()
    {
        Interlocked.Exchange(ref State->Attention, 1);
        lock (_waitLock)
        {
            Monitor.PulseAll(_waitLock);
        }
    }

    /// <summary>Raises or lowers an interrupt line of the hart; from any thread.</summary>
    internal void SetInterrupt(ulong bit, bool high)
    {
        Csrs.SetLine(bit, high);
        if (high)
        {
            Attend();
        }
    }

    /// <summary>Sets the CLINT's compare register; from any thread.</summary>
    internal void SetTimer(ulong compare)
    {
        Csrs.Mtimecmp = compare;
        Attend();
    }

    /// <summary>Blocks until the hart is asked to look around, or for the time given.</summary>
    internal void Sleep(TimeSpan limit)
    {
        _parked = true;
        lock (_waitLock)
        {
            if (Volatile.Read(ref State->Attention) == 0)
            {
                Monitor.Wait(_waitLock, limit);
            }
        }

        _parked = false;
    }

    /// <summary>The hart's thread begins or ends to run it.</summary>
    internal void SetParked(bool parked) => _parked = parked;

    /// <summary>
    /// Has every hart forget what it may store to; from a thread that runs none. When it returns, what they store from now on is marked.
    /// </summary>
    internal static void FlushAllWrites(Hart[] harts)
    {
        foreach (Hart hart in harts)
        {
            hart.RequestWriteFlush(null);
        }

        var spinner = default(SpinWait);
        foreach (Hart hart in harts)
        {
            // A parked hart runs nothing, and answers before it does.
            long asked = Interlocked.Read(ref hart._writeFlushesAsked);
            while (!hart._parked && Interlocked.Read(ref hart._writeFlushesDone) < asked)
            {
                spinner.SpinOnce();
            }
        }
    }

    private void RequestWriteFlush(Hart? from)
    {
        if (from != this)
        {
            Interlocked.Increment(ref _writeFlushesAsked);
            Attend();
        }
    }

    /// <summary>Answers the requests of other threads; on the hart's own thread, between two runs of the inner loop.</summary>
    private void AnswerRequests()
    {
        Interlocked.Exchange(ref State->Attention, 0);
        long asked = Interlocked.Read(ref _writeFlushesAsked);
        if (asked != _writeFlushesDone)
        {
            Tlb.FlushWrites();
            Interlocked.Exchange(ref _writeFlushesDone, asked);
        }

        ForgetQueuedCode();
    }

    /// <summary>Waits until no other hart can store to memory past the code map; answers the others' requests meanwhile.</summary>
    private void AwaitWriteFlushes()
    {
        var spinner = default(SpinWait);
        foreach (Hart peer in Peers)
        {
            // A parked hart runs nothing, and answers before it does.
            long asked = Interlocked.Read(ref peer._writeFlushesAsked);
            while (peer != this && !peer._parked && Interlocked.Read(ref peer._writeFlushesDone) < asked)
            {
                AnswerRequests();
                Interlocked.Exchange(ref State->Attention, 1);
                spinner.SpinOnce();
            }
        }
    }
}
