using System.Text;
using Cloud.Vmm.Oci;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Oci;

/// <summary>What a container that its user has turned against the host tries, as its own root: it gets none of it.</summary>
public sealed class EscapeTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly string[] Attempts =
    [
        "mount -t tmpfs none /tmp",
        "mount -t proc none /tmp",
        "mount -o remount,rw /proc/sys",
        "mount --bind / /tmp",
        "unshare -U /bin/id",
        "unshare -m /bin/id",
        "unshare -n /bin/id",
        "chroot / /bin/id",
        "mknod /tmp/disk b 8 0",
        "mknod /tmp/memory c 1 1",
        "echo 1 > /proc/sys/kernel/panic",
        "echo x > /proc/sys/kernel/core_pattern",
        "echo b > /proc/sysrq-trigger",
        "echo x > /proc/self/uid_map",
        "echo 0 > /sys/fs/cgroup/memory/memory.limit_in_bytes",
        "echo x > /sys/kernel/uevent_helper",
        "echo x > /etc/hosts",
        "hostname other",
        "ping -c 1 127.0.0.1",
        "dmesg",
        "cat /dev/mem",
        "cat /dev/kmsg",
        "cat /dev/loop0",
        "cat /dev/net/tun",
        "test -s /proc/kcore",
        "grep . /proc/keys",
        "grep . /proc/timer_list",
        "reboot -f",
    ];

    private readonly TestFolder _folder = new();
    private OciDriver _driver = null!;
    private IVirtualMachine _machine = null!;
    private VmSpec _spec = null!;

    public async ValueTask InitializeAsync()
    {
        _driver = new OciDriver(new OciOptions { StateFolder = _folder.Make("state") }, TimeProvider.System, NullLoggerFactory.Instance);
        _spec = Spec("/bin/sh", "-c", "while :; do sleep 1; done");
        _machine = await _driver.StartAsync(_spec, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _machine.KillAsync(CancellationToken.None);
        await _machine.DisposeAsync();
        _driver.Dispose();
        await _folder.DisposeAsync();
    }

    [Fact]
    public async Task Attempts_AreAllRefused()
    {
        foreach (var attempt in Attempts)
        {
            (await TryAsync(attempt)).ExitCode.ShouldNotBe(0, attempt);
        }

        _machine.State.ShouldBe(VmState.Running);
    }

    [Fact]
    public async Task Process_HasNoRightAndAUserOfItsOwn()
    {
        var (_, said) = await TryAsync("cat /proc/1/status");
        foreach (var set in (ReadOnlySpan<string>)["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        {
            said.ShouldContain($"{set}:\t0000000000000000");
        }

        said.ShouldContain("NoNewPrivs:\t1");
        said.ShouldContain("Seccomp:\t2");
        var map = (await File.ReadAllTextAsync($"/proc/{await FirstProcessAsync()}/uid_map"))
            .Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(uint.Parse).ToList();
        map.ShouldBe([0, UserNamespace.Own is null ? map[1] : SubIds.Read()!.FirstUser, OciOptions.UidsEach]);
        map[1].ShouldBeGreaterThan(UserNamespace.Own is null ? 1_199_999_999 : LibC.EffectiveUserId());
    }

    [Fact]
    public async Task Host_IsNotSeen()
    {
        // Of its processes, of its files, of its network.
        (await TryAsync("ls -d /proc/[0-9]*")).Said.Split('\n').Length.ShouldBeLessThan(8);
        (await TryAsync("ls /proc/1/root/")).Said.ShouldNotContain("boot");
        (await TryAsync("ls /sys/class/net")).Said.Trim().ShouldBe("lo");
        (await TryAsync("ls -l /proc/1/fd /proc/1/cwd")).Said.ShouldNotContain(_folder.Path);
    }

    [Fact]
    public async Task ForkBomb_EndsAtItsLimit_AndTheContainerGoesOn()
    {
        var (_, said) = await TryAsync("i=0; while [ $i -lt 1500 ]; do sleep 100 > /dev/null 2>&1 & i=$((i+1)); done; echo all");
        said.ShouldContain("fork");
        await _machine.ResetAsync(CancellationToken.None);
        (int ExitCode, string Said) after;
        do
        {
            after = await TryAsync("echo fine");
        }
        while (after.ExitCode != 0);

        after.Said.ShouldContain("fine");
    }

    [Fact]
    public async Task MemoryBomb_EndsTheContainerAlone_AndIsSaid()
    {
        Assert.SkipUnless(ContainerCgroups.AreThere, "This host gives its users no cgroups: nothing bounds a container's memory.");
        var spec = Spec("/bin/sh", "-c", "tail /dev/zero") with { MemoryBytes = 32 << 20 };
        await using var machine = await _driver.StartAsync(
            spec with { Container = spec.Container! with { Command = ["/bin/tail", "/dev/zero"] } }, CancellationToken.None);
        var exit = await machine.Exited.WaitAsync(Limit);
        exit.Kind.ShouldBe(VmExitKind.Failed);
        exit.Reason.ShouldContain("memory");
        _machine.State.ShouldBe(VmState.Running);
    }

    [Fact]
    public async Task LinkForAMountedFile_LeadsNowhereOnTheHost()
    {
        var target = Path.Combine(_folder.Path, "of-the-host");
        await File.WriteAllTextAsync(target, "untouched");
        var spec = Spec("/bin/sh", "-c", "echo changed > /etc/hosts; echo changed > /one/file");
        var layer = _folder.Make("layer-with-a-link");
        ContainerGuest.MakeLayer(layer, _folder.Path);
        spec = spec with { Container = spec.Container! with { Layers = [layer] } };
        await using (var machine = await _driver.StartAsync(spec, CancellationToken.None))
        {
            await machine.Exited.WaitAsync(Limit);
        }

        (await File.ReadAllTextAsync(target)).ShouldBe("untouched");
        File.Exists(Path.Combine(_folder.Path, "hosts")).ShouldBeFalse();
    }

    private Task<string> FirstProcessAsync() => File.ReadAllTextAsync(Path.Combine(_spec.Folder, ContainerFolder.ProcessId));

    private async Task<(int ExitCode, string Said)> TryAsync(string script)
    {
        try
        {
            var result = await _machine.Agent.ExecAsync(["/bin/sh", "-c", script], CancellationToken.None).WaitAsync(Limit);
            return (result.ExitCode, Encoding.UTF8.GetString(result.StandardOutput) + Encoding.UTF8.GetString(result.StandardError));
        }
        catch (VmException refused)
        {
            return (-1, refused.Message);
        }
    }

    private VmSpec Spec(params string[] command)
    {
        var id = $"i-{Guid.NewGuid():n}";
        var layer = _folder.Make($"layer-{id}");
        ContainerGuest.MakeLayer(layer);
        return ContainerGuest.Spec(_folder, ContainerGuest.Container(layer, command), id) with { MemoryBytes = 512 << 20 };
    }
}
