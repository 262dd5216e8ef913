using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.RiscV.Tests.Runner;

public sealed class CommandLineTests
{
    [Fact]
    public void DriversLine_IsReadWhole()
    {
        RunnerOptions options = CommandLine.Parse(
        [
            "-nodefaults", "-S", "-action", "shutdown=pause,reboot=reset,panic=pause", "-machine", "virt,mem-merge=off",
            "-accel", "tcg,thread=multi", "-smp", "cpus=2,sockets=1", "-m", "size=256M",
            "-name", "guest=one,debug-threads=on", "-add-fd", "fd=7,set=7",
            "-chardev", "socket,id=qmp,fd=3,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
            "-netdev", """{"type":"dgram","id":"net0","local":{"type":"unix","path":"a"},"remote":{"type":"unix","path":"b"}}""",
            "-device", """{"driver":"virtio-net-device","id":"nic0","netdev":"net0","mac":"02:00:00:00:00:01"}""",
            "-append", "console=ttyS0,115200",
        ]);
        options.Harts.ShouldBe(2);
        options.MemoryBytes.ShouldBe(256UL << 20);
        options.Name.ShouldBe("one");
        options.StartStopped.ShouldBeTrue();
        options.PauseAtShutdown.ShouldBeTrue();
        options.ShutdownAtReset.ShouldBeFalse();
        options.Monitors.ShouldBe(["qmp"]);
        options.DescriptorSets.ShouldBe([(7, 7, "")]);
        options.Networks["net0"].Text("remote.path").ShouldBe("b");
        options.Devices.Single().Text("mac").ShouldBe("02:00:00:00:00:01");
        options.CommandLine.ShouldBe("console=ttyS0,115200");
    }

    [Theory]
    [InlineData("-unknown", "value")]
    [InlineData("-m", "lots")]
    [InlineData("-m", "99999999T")]
    [InlineData("-machine", "pc")]
    [InlineData("-accel", "kvm")]
    [InlineData("-device", "{broken")]
    [InlineData("-chardev", "socket,path=x")]
    [InlineData("-smp", "many")]
    public void Option_ThatMakesNoSense_IsRefusedByName(string option, string value) =>
        Should.Throw<OptionException>(() => CommandLine.Parse([option, value])).Message.ShouldContain(option);

    [Fact]
    public void Value_WithADoubledComma_HoldsOne() =>
        Properties.Parse("file,path=a,,b,x=1", "driver").Text("path").ShouldBe("a,b");
}
