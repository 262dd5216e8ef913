using Cloud.Vmm.Oci;
using Cloud.Vmm.Tests.Contract;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Oci;

/// <summary>The contract, by containers.</summary>
public sealed class ContainerDriverTests : VmDriverContract
{
    protected override VmEngine Engine => VmEngine.Container;

    protected override VmArchitecture Architecture => VmArchitecture.X64;

    protected override bool HasPowerButton => true;

    protected override bool KeepsStates => false;

    protected override bool Moves => false;

    protected override bool HasAgent => true;

    protected override bool GuestMayReboot => false;

    [Fact]
    public async Task Plug_WhileItRuns_IsRefused() => await AssertPlugIsRefusedAsync();

    [Fact]
    public async Task Probe_OfAHostThatCan_RanAContainer()
    {
        var probe = (await Driver.ProbeAsync(CancellationToken.None)).ShouldHaveSingleItem();
        probe.Works.ShouldBeTrue(probe.Reason);
    }

    [Fact]
    public async Task Exec_AnswersExitCodeAndBothOutputs()
    {
        await using var machine = await StartAsync(Spec());
        var result = await machine.Agent.ExecAsync(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"], CancellationToken.None);
        result.ExitCode.ShouldBe(7);
        result.StandardOutput.ShouldBe("out\n"u8.ToArray());
        result.StandardError.ShouldBe("err\n"u8.ToArray());
        (await Should.ThrowAsync<VmException>(() => machine.Agent.ExecAsync(["/not-there"], CancellationToken.None)))
            .Message.ShouldContain("/not-there");
    }

    [Fact]
    public async Task Process_ThatEndsWithACode_IsToldAsAFailureWithIt()
    {
        var spec = Spec("/bin/sh", "-c", "exit 3");
        await using var machine = await Driver.StartAsync(spec, CancellationToken.None);
        var exit = await machine.Exited.WaitAsync(TimeSpan.FromSeconds(30));
        exit.Kind.ShouldBe(VmExitKind.Failed);
        exit.Reason.ShouldContain("code 3");
    }

    [Fact]
    public async Task Resize_WhileItRuns_HoldsAlsoAfterAReset()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        await machine.ResizeAsync(1, 128 << 20, CancellationToken.None);
        await machine.ResetAsync(CancellationToken.None);
        await ConsoleOf(spec).WaitForAsync("guest is up", times: 2);
        Assert.SkipUnless(ContainerCgroups.AreThere, "This host gives its users no cgroups: there are no limits to hold.");
        var bundle = await File.ReadAllTextAsync(Path.Combine(spec.Folder, "config.json"));
        bundle.ShouldContain($"\"limit\":{128 << 20}");
        bundle.ShouldNotContain($"\"limit\":{64 << 20}");
    }

    [Theory]
    [InlineData(VmDiskFormat.Raw)]
    [InlineData(VmDiskFormat.Qcow2)]
    public async Task Volume_ThatIsBlank_GetsAFileSystem_AndKeepsItsBytesForTheNext(VmDiskFormat format)
    {
        Assert.SkipUnless(UserNamespace.Own is null, "The kernel mounts an ordinary user no volumes.");
        var volume = Path.Combine(MakeFolder("volumes"), "one");
        await QemuImgAsync("create", "-q", "-f", format == VmDiskFormat.Raw ? "raw" : "qcow2", volume, $"{32 << 20}");
        VmSpec With(params string[] command) =>
            Spec(command) with { Disks = [new VmDisk { Serial = "one", Path = volume, Format = format }] };

        await using (var first = await Driver.StartAsync(With("/bin/sh", "-c", "echo kept > /one/file"), CancellationToken.None))
        {
            (await first.Exited.WaitAsync(TimeSpan.FromSeconds(30))).Kind.ShouldBe(VmExitKind.GuestShutdown);
        }

        var again = With("/bin/sh", "-c", "cat /one/file; ls -A /one");
        await using var second = await Driver.StartAsync(again, CancellationToken.None);
        await second.Exited.WaitAsync(TimeSpan.FromSeconds(30));
        await ConsoleOf(again).WaitForAsync("kept\r\nfile\r\n");
    }

    [Fact]
    public async Task Volume_OfAnOrdinaryUser_IsRefusedBeforeAnythingIsMade()
    {
        Assert.SkipWhen(UserNamespace.Own is null, "As root volumes are mounted.");
        var volume = Path.Combine(MakeFolder("volumes"), "one");
        await QemuImgAsync("create", "-q", "-f", "raw", volume, $"{32 << 20}");
        var spec = Spec() with { Disks = [new VmDisk { Serial = "one", Path = volume, Format = VmDiskFormat.Raw }] };
        (await Should.ThrowAsync<VmException>(() => Driver.StartAsync(spec, CancellationToken.None))).Message.ShouldContain("volumes");
        Directory.GetFileSystemEntries(spec.Folder).ShouldBeEmpty();
    }

    [Fact]
    public async Task Containers_OfOneImage_ShareItsLayerAndNothingThatTheyWrite()
    {
        var first = Spec("/bin/sh", "-c", "echo mine > /tmp/x; exec sleep 100");
        await using var one = await Driver.StartAsync(first, CancellationToken.None);
        var second = Spec() with { Container = Spec().Container! with { Layers = first.Container!.Layers } };
        await using var two = await StartAsync(second);
        (await two.Agent.ExecAsync(["/bin/ls", "/tmp"], CancellationToken.None)).StandardOutput.ShouldBeEmpty();
        Directory.GetFileSystemEntries(Path.Combine(first.Container.Layers[0], "tmp")).ShouldBeEmpty();
        await one.KillAsync(CancellationToken.None);
    }

    protected override IVmDriver CreateDriver(string stateFolder) =>
        new OciDriver(new OciOptions { StateFolder = stateFolder }, TimeProvider.System, NullLoggerFactory.Instance);

    protected override VmSpec Spec() => Spec([]);

    private VmSpec Spec(params string[] command)
    {
        var id = $"i-{Guid.NewGuid():n}";
        var layer = MakeFolder($"layer-{id}");
        ContainerGuest.MakeLayer(layer);
        return new VmSpec
        {
            Id = id,
            Folder = MakeFolder(id),
            Architecture = Architecture,
            Engine = Engine,
            Vcpus = 1,
            MemoryBytes = 64 << 20,
            Disks = [],
            Uuid = Guid.NewGuid(),
            Container = ContainerGuest.Container(layer, command),
        };
    }
}
