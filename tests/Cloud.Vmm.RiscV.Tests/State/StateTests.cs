using Cloud.Vmm.RiscV.Isa;
using Cloud.Vmm.RiscV.State;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.RiscV.Tests.State;

/// <summary>What a machine is, written and taken in: another goes on as the first would have.</summary>
public sealed class StateTests : IDisposable
{
    private const ulong Counter = MemoryMap.Ram + 0x10000;
    private static readonly MachineOptions Small = new() { MemoryBytes = 4 << 20 };

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    /// <summary>Adds to a counter in memory, floating point and CSRs beside it, for ever.</summary>
    private static byte[] Counting() => new Asm().Li(5, Counter).Li(8, 3UL << 13).I(Op.Csrrs, 0, 8, 0x300)
        .Label("loop").I(Op.Ld, 6, 5, 0).I(Op.Addi, 6, 6, 1).S(Op.Sd, 6, 5, 0).R(Op.FcvtDL, 1, 6, 0).R(Op.FaddD, 2, 2, 1)
        .I(Op.Csrrw, 7, 6, 0x340).Jump(0, "loop").Build();

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public unsafe void Machine_SavedAndLoaded_TakesTheSameCourse(bool translate, bool otherTier)
    {
        using var first = new Board(Counting(), translate, Small);
        first.Run(10_007);
        Save(first.Machine);
        using var second = new Board([], otherTier, Small with { AwaitsState = true });
        Load(second.Machine, copy: false);
        for (int i = 0; i < 3; i++)
        {
            for (int register = 0; register < 32; register++)
            {
                second[register].ShouldBe(first[register]);
                second.Hart.State->F[register].ShouldBe(first.Hart.State->F[register]);
            }

            second.Pc.ShouldBe(first.Pc);
            second.Memory(Counter).ShouldBe(first.Memory(Counter));
            second.Hart.Retired.ShouldBe(first.Hart.Retired);
            second.Hart.Csrs.Status.ShouldBe(first.Hart.Csrs.Status);
            first.Run(1001);
            second.Run(1001);
        }

        second.Machine.SaveDevices().ShouldBe(first.Machine.SaveDevices());
    }

    [Fact]
    public void Loaded_Machine_WritesItsOwnCopy_AndCanBeSavedAgain()
    {
        using (var first = new Board(Counting(), translate: true, Small))
        {
            first.Run(1000);
            Save(first.Machine);
        }

        byte[] before = File.ReadAllBytes(_path);
        string again = _path + ".again";
        ulong counted;
        using (var second = new Board([], translate: true, Small with { AwaitsState = true }))
        {
            Load(second.Machine, copy: false);
            second.Run(1000);
            counted = second.Memory(Counter);
            using SafeFileHandle file = File.OpenHandle(again, FileMode.Create, FileAccess.ReadWrite);
            new MachineSaver(second.Machine, new StateFile(file, second.Machine.Ram.Size)).Finish();
        }

        File.ReadAllBytes(_path).ShouldBe(before);
        using var third = new Board([], translate: false, Small with { AwaitsState = true });
        using (SafeFileHandle file = File.OpenHandle(again))
        {
            third.Machine.LoadDevices(StateFile.Load(file, third.Machine.Ram, copy: true));
        }

        File.Delete(again);
        third.Memory(Counter).ShouldBe(counted);
        third.Run(700);
        third.Memory(Counter).ShouldBeInRange(counted + 90, counted + 110);
    }

    [Fact]
    public void State_OverAStream_ArrivesWhole_AndADamagedOneDoesNot()
    {
        using var first = new Board(Counting(), translate: true, Small);
        first.Run(5000);
        var bytes = new MemoryStream();
        new MachineSaver(first.Machine, new StateStream(bytes, first.Machine.Ram.Size)).Finish();
        using var second = new Board([], translate: true, Small with { AwaitsState = true });
        second.Machine.LoadDevices(StateStream.Load(new MemoryStream(bytes.ToArray()), second.Machine.Ram));
        second.Memory(Counter).ShouldBe(first.Memory(Counter));
        second.Pc.ShouldBe(first.Pc);

        byte[] damaged = bytes.ToArray();
        damaged[damaged.Length / 2] ^= 4;
        Should.Throw<InvalidDataException>(() => StateStream.Load(new MemoryStream(damaged), second.Machine.Ram));
        Should.Throw<IOException>(() => StateStream.Load(new MemoryStream(damaged[..1000]), second.Machine.Ram));
    }

    [Fact]
    public void State_ThatIsDamagedAnywhere_IsRefused()
    {
        using (var first = new Board(Counting(), translate: true, Small))
        {
            first.Run(1000);
            Save(first.Machine);
        }

        byte[] sound = File.ReadAllBytes(_path);
        var random = new Random(11);
        int[] places = [0, 8, 16, 60, 83, 4096, 4096 + (int)(Counter - MemoryMap.Ram), sound.Length - 1, .. Devices(sound, random, 40)];
        foreach (int place in places)
        {
            byte[] damaged = [.. sound];
            damaged[place] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(_path, damaged);
            using var other = new Board([], translate: true, Small with { AwaitsState = true });
            Should.Throw<InvalidDataException>(() => Load(other.Machine, copy: false), $"byte {place}");
        }

        File.WriteAllBytes(_path, sound[..(sound.Length / 2)]);
        using var last = new Board([], translate: true, Small with { AwaitsState = true });
        Should.Throw<InvalidDataException>(() => Load(last.Machine, copy: true));
    }

    [Fact]
    public void State_OfAnotherMachine_IsRefused()
    {
        using (var first = new Board(Counting(), translate: true, Small))
        {
            Save(first.Machine);
        }

        using var larger = new Board([], translate: true, Small with { MemoryBytes = 8 << 20, AwaitsState = true });
        Should.Throw<InvalidDataException>(() => Load(larger.Machine, copy: false)).Message.ShouldContain("memory");
        using var more = new Board([], translate: true, Small with { Harts = 2, AwaitsState = true });
        Should.Throw<InvalidDataException>(() => Load(more.Machine, copy: false)).Message.ShouldContain("harts");
    }

    [Fact]
    public void MemoryGivenBack_OfALoadedMachine_ReadsAsZeros()
    {
        using (var first = new Board(Counting(), translate: true, Small))
        {
            first.Run(1000);
            Save(first.Machine);
        }

        using var second = new Board([], translate: true, Small with { AwaitsState = true });
        Load(second.Machine, copy: false);
        second.Memory(Counter).ShouldBeGreaterThan(0UL);
        second.Machine.Ram.Discard(Counter, 4096);
        second.Memory(Counter).ShouldBe(0UL);
    }

    /// <summary>Harts on threads of their own write while pages are copied: the end must hold each page's last bytes.</summary>
    [Fact]
    public unsafe void Memory_CopiedWhileHartsWriteIt_IsWhatItIsAtTheEnd()
    {
        const ulong Area = MemoryMap.Ram + (1 << 20);

        // Hart n writes a growing number all over its own 512 KiB.
        byte[] program = new Asm().I(Op.Csrrs, 10, 0, 0xF14).I(Op.Slli, 11, 10, 19).Li(5, Area).R(Op.Add, 5, 5, 11).Li(9, 4096 + 8)
            .Label("again").I(Op.Addi, 7, 5, 0).Li(8, 120).Label("page").I(Op.Addi, 6, 6, 1).S(Op.Sd, 6, 7, 0).R(Op.Add, 7, 7, 9)
            .I(Op.Addi, 8, 8, -1).Branch(Op.Bne, 8, 0, "page").Jump(0, "again").Build();
        using var machine = new Machine(new MachineOptions { MemoryBytes = 4 << 20, Harts = 2, Kernel = program });
        machine.Start();
        SpinWait.SpinUntil(() => Array.TrueForAll(machine.Harts, hart => hart.Retired > 1_000_000));
        using (SafeFileHandle file = File.OpenHandle(_path, FileMode.Create, FileAccess.ReadWrite))
        {
            var saver = new MachineSaver(machine, new StateFile(file, machine.Ram.Size));
            saver.CopyWhileRunning(() => false);
            machine.Stop();
            saver.Finish();
        }

        using var other = new Machine(new MachineOptions { MemoryBytes = 4 << 20, Harts = 2, AwaitsState = true });
        Load(other, copy: true);
        new ReadOnlySpan<byte>(other.Ram.Host, 4 << 20).SequenceEqual(new ReadOnlySpan<byte>(machine.Ram.Host, 4 << 20)).ShouldBeTrue();
        other.SaveDevices().ShouldBe(machine.SaveDevices());
    }

    private static IEnumerable<int> Devices(byte[] state, Random random, int count)
    {
        int offset = (int)BitConverter.ToInt64(state, 56);
        int size = (int)BitConverter.ToInt64(state, 64);
        return Enumerable.Range(0, count).Select(_ => offset + random.Next(size));
    }

    private void Save(Machine machine)
    {
        using SafeFileHandle file = File.OpenHandle(_path, FileMode.Create, FileAccess.ReadWrite);
        new MachineSaver(machine, new StateFile(file, machine.Ram.Size)).Finish();
    }

    private void Load(Machine machine, bool copy)
    {
        using SafeFileHandle file = File.OpenHandle(_path);
        machine.LoadDevices(StateFile.Load(file, machine.Ram, copy));
    }
}
