using System.Diagnostics;
using System.Globalization;
using Cloud.Vmm.Oci;

namespace Cloud.Vmm.Tests.Oci;

/// <summary>The small guest as a container: busybox (Debian's, linked to nothing) and a script that does what the others do.</summary>
internal static class ContainerGuest
{
    /// <summary>It looks for input all the time, and holds two mebibytes, so that its counters have something to show.</summary>
    private const string Script =
        """
        trap 'exit 0' TERM
        stty raw -echo
        held=$(dd if=/dev/zero bs=1M count=2 2>/dev/null | tr '\0' x)
        printf 'guest is up\r\n'
        while :; do
          IFS= read -r -n 1 -t 0.02 key || continue
          case "$key" in
            p) exit 0 ;;
            r) reboot -f 2>&1 ;;
            f) while :; do printf 'ffffffffffffffff'; done ;;
            *) printf '%s' "$key" ;;
          esac
        done
        """;

    private static readonly string[] Applets =
        ["sh", "cat", "dd", "tr", "stty", "reboot", "mount", "mknod", "chroot", "unshare", "ping", "sleep", "ls", "id", "touch", "head",
         "tail", "grep", "dmesg", "hostname", "wget", "test", "df", "cut", "sync"];

    /// <summary>Makes the image's one layer, its /etc a link to somewhere or a folder.</summary>
    public static void MakeLayer(string folder, string? etc = null)
    {
        if (etc is not null)
        {
            File.CreateSymbolicLink(Path.Combine(folder, "etc"), etc);
        }

        foreach (var name in (ReadOnlySpan<string>)["bin", .. etc is null ? ["etc"] : (string[])[], "tmp", "proc", "sys", "dev"])
        {
            Directory.CreateDirectory(Path.Combine(folder, name), (UnixFileMode)0b111_101_101);
        }

        File.Copy("/bin/busybox", Path.Combine(folder, "bin", "busybox"));
        foreach (var applet in Applets)
        {
            File.CreateSymbolicLink(Path.Combine(folder, "bin", applet), "busybox");
        }

        var root = (UserNamespace.Own is null ? 0 : UserNamespace.RootId).ToString(CultureInfo.InvariantCulture);
        var give = UserNamespace.Command("chown", "--recursive", "--no-dereference", $"{root}:{root}", folder);
        using var giving = Process.Start(give[0], give.Skip(1));
        giving.WaitForExit();
        giving.ExitCode.ShouldBe(0);
    }

    /// <summary>A container of a folder and an id of its own.</summary>
    public static VmSpec Spec(TestFolder folder, VmContainer container, string? id = null)
    {
        id ??= $"i-{Guid.NewGuid():n}";
        return new VmSpec
        {
            Id = id,
            Folder = folder.Make(id),
            Architecture = VmArchitecture.X64,
            Engine = VmEngine.Container,
            Vcpus = 1,
            MemoryBytes = 64 << 20,
            Disks = [],
            Uuid = Guid.NewGuid(),
            Container = container,
        };
    }

    public static VmContainer Container(string layer, params string[] command) => new()
    {
        Layers = [layer],
        Command = command.Length > 0 ? command : ["/bin/sh", "-c", Script],
        Environment = ["PATH=/bin"],
        WorkingDirectory = "/",
        HostName = "guest",
        Mounts = new Dictionary<string, string> { ["root"] = "/volume", ["one"] = "/one", ["two"] = "/two" },
    };
}
