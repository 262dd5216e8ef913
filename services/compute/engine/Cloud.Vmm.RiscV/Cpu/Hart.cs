using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Cpu.Csr;
using Cloud.Vmm.RiscV.Jit;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>
/// A hardware thread: registers, CSRs, translation, decoded code. One thread at a time runs it (<see cref="Run"/>); the members that say so
/// may be
/// called from others.
/// </summary>
internal sealed unsafe partial class Hart : IDisposable
{
    private readonly SystemBus _bus;
    private readonly IClock _clock;
    private readonly Mmu _mmu;
    private readonly CodeCache _code;
    private readonly ConcurrentQueue<ulong> _pagesToForget = new();
    private readonly GCHandle _handle;

    /// <param name="translate">Whether code is translated for the host's processor, or interpreted.</param>
    internal Hart(int id, SystemBus bus, IClock clock, bool translate)
    {
        Id = id;
        _bus = bus;
        _clock = clock;
        _handle = GCHandle.Alloc(this);
        State = (HartState*)NativeMemory.AlignedAlloc((nuint)sizeof(HartState), 64);
        *State = default;
        State->Handle = GCHandle.ToIntPtr(_handle);
        State->Decoded = translate ? DecodedInstruction.Allocate() : null;
        Tlb = new Tlb();
        Csrs = new CsrFile(this);
        Pmp = new Pmp();
        _mmu = new Mmu(this, bus);
        _code = new CodeCache(this);
        _translated = translate ? new TranslatedCode(this) : null;
        _crossSlots = (Isa.CodeSlot*)NativeMemory.AlignedAlloc(3 * (nuint)sizeof(Isa.CodeSlot), 64);
        Reset(0);
    }

    internal int Id { get; }

    internal HartState* State { get; }

    internal Tlb Tlb { get; }

    internal CsrFile Csrs { get; private set; }

    internal Pmp Pmp { get; private set; }

    internal PrivilegeMode Mode { get; private set; }

    /// <summary>Instructions retired since the hart was made; minstret and mcycle count from an offset to it.</summary>
    internal ulong Retired { get; private set; }

    /// <summary>mtime, as this hart sees it.</summary>
    internal ulong Time => _clock.TicksOf(this);

    /// <summary>The hart whose state a handler was given.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Hart Of(HartState* state) => Unsafe.As<Hart>(GCHandle.FromIntPtr(state->Handle).Target!);

    /// <summary>Registers, CSRs and caches as after power-on; the hart must not be running.</summary>
    internal void Reset(ulong entry)
    {
        nint handle = State->Handle;
        DecodedInstruction* decoded = State->Decoded;
        *State = default;
        State->Handle = handle;
        State->Decoded = decoded;
        State->Pc = entry;
        Csrs = new CsrFile(this);
        Pmp = new Pmp();
        Mode = PrivilegeMode.Machine;
        Waiting = false;
        Tlb.FlushAll();
        ClearCode();
        _unconfirmed.Clear();
        ContextChanged();
        InterruptsChanged();
    }

    /// <summary>The registers that hold where the TLB sets lie, after a change of mode or of mstatus.</summary>
    internal void ContextChanged()
    {
        ulong status = Csrs.Status;
        PrivilegeMode data = DataMode(status);
        int set = SetOf(data, status);
        State->ReadTlb = Tlb.Read(set);
        State->WriteTlb = Tlb.Write(set);
        State->FetchTlb = Tlb.Fetch(SetOf(Mode, 0));
    }

    public void Dispose()
    {
        _code.Dispose();
        _translated?.Dispose();
        Tlb.Dispose();
        NativeMemory.AlignedFree(State->Decoded);
        NativeMemory.AlignedFree(State);
        NativeMemory.AlignedFree(_crossSlots);
        _handle.Free();
    }

    /// <summary>The mode that loads and stores are done in: machine mode borrows another by MPRV.</summary>
    private PrivilegeMode DataMode(ulong status) =>
        Mode == PrivilegeMode.Machine && (status & Mstatus.Mprv) != 0 ? (PrivilegeMode)(status >> Mstatus.MppShift & 3) : Mode;

    private static int SetOf(PrivilegeMode mode, ulong status) => mode switch
    {
        PrivilegeMode.User => Tlb.SetUser,
        PrivilegeMode.Supervisor => (status & Mstatus.Sum) != 0 ? Tlb.SetSupervisorUserAccess : Tlb.SetSupervisor,
        _ => Tlb.SetMachine,
    };
}
