using System.Net;

namespace Cloud.EndToEnd.Tests;

/// <summary>The images of the cloud's own beside <c>tiny</c>.</summary>
[Collection(OnCloudOfSlowImages.Name)]
public sealed class RecipeImageTests(LocalCloud cloud)
{
    [Theory]
    [InlineData("emulation")]
    [InlineData("simulation")]
    public async Task TinyRiscV64_RunsUserData_LetsSshIn_AndIsOfItsArchitecture(string engine)
    {
        var (id, said) = await BootAsync(
            "tiny-riscv64", engine, "micro", "#!/bin/sh\necho hello from $(uname -m)",
            "uname -m; wget -q -O - http://169.254.169.254/latest/meta-data/hostname");

        said.ShouldStartWith("riscv64");
        said.ShouldContain("of-tiny-riscv64");
        (await cloud.Http.GetStringAsync($"/v1/instances/{id}/console")).ShouldContain("hello from riscv64");
        if (engine == "emulation")
        {
            await TakesFilesFromAnX64GuestAsync(id);
        }

        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task Debian12_HeedsACloudConfig_AndLetsSshIn()
    {
        const string Config =
            """
            #cloud-config
            write_files:
              - {path: /etc/written, content: "by cloud-init"}
            runcmd:
              - echo printed-by-runcmd
            """;
        var (id, said) = await BootAsync("debian-12", "auto", "small", Config, "cat /etc/written /etc/debian_version");

        said.ShouldContain("by cloud-init");
        said.ShouldContain("12.");
        (await cloud.Http.GetStringAsync($"/v1/instances/{id}/console")).ShouldContain("printed-by-runcmd");
        await cloud.DeleteInstanceAsync(id);
    }

    /// <summary>A file system on a volume that comes to running guests of both architectures, and goes again.</summary>
    private async Task TakesFilesFromAnX64GuestAsync(string riscV)
    {
        const string Checksums = "cd /mnt; find . -type f | sort | xargs sha256sum";
        var x64 = (await cloud.CreateInstanceAsync("of-files")).GetProperty("id").GetString()!;
        var volume = (await cloud.PostAsync("/v1/volumes?wait=60", new { name = "files", sizeBytes = 64 << 20 }))
            .GetProperty("id").GetString()!;
        var written = await WithVolumeAsync(
            x64, volume, "mke2fs DISK > /dev/null",
            $"mkdir -p /mnt/deep; for i in $(seq 20); do head -c ${{i}}0000 /dev/urandom > /mnt/deep/$i; done; {Checksums}");
        written.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(20, written);

        var read = await WithVolumeAsync(
            riscV, volume, "true", $"{Checksums}; rm /mnt/deep/[1-9]; uname -m > /mnt/architecture; echo; {Checksums}");
        read.ShouldStartWith($"{written}\n");
        var more = read[(written.Length + 1)..];

        // A guest that uses it keeps it, unless it is taken by force.
        await AttachAsync(riscV, volume, "mount -t ext4 DISK /mnt");
        await cloud.PostAsync($"/v1/instances/{riscV}/pause?wait=60", null, HttpStatusCode.OK);
        var held = await cloud.PostAsync($"/v1/volumes/{volume}/detach?wait=60", null, HttpStatusCode.OK);
        held.GetProperty("status").GetString().ShouldBe("attached", held.ToString());
        var taken = await cloud.PostAsync($"/v1/volumes/{volume}/detach?wait=60", new { force = true }, HttpStatusCode.OK);
        taken.GetProperty("status").GetString().ShouldBe("available", taken.ToString());
        (await WithVolumeAsync(x64, volume, "true", Checksums)).ShouldBe(more);
        await cloud.DeleteVolumeAsync(volume);
        await cloud.DeleteInstanceAsync(x64);
    }

    /// <summary>What a guest says while it has the volume mounted.</summary>
    private async Task<string> WithVolumeAsync(string instance, string volume, string first, string script)
    {
        await AttachAsync(instance, volume, $"{first} && mount -t ext4 DISK /mnt");
        var said = await cloud.ShellAsync(instance, script);
        (await cloud.ShellAsync(instance, "umount /mnt")).ShouldBe("");
        var detached = await cloud.PostAsync($"/v1/volumes/{volume}/detach?wait=60", null, HttpStatusCode.OK);
        detached.GetProperty("status").GetString().ShouldBe("available", detached.ToString());
        return said;
    }

    private async Task AttachAsync(string instance, string volume, string script)
    {
        var attached = await cloud.PostAsync($"/v1/volumes/{volume}/attach?wait=60", new { instance }, HttpStatusCode.OK);
        attached.GetProperty("status").GetString().ShouldBe("attached", attached.ToString());
        var serial = attached.GetProperty("attachment").GetProperty("serial").GetString();
        (await cloud.ShellAsync(
            instance,
            $"until file=$(grep -lx {serial} /sys/block/vd*/serial); do usleep 50000; done 2> /dev/null; disk=${{file%/serial}}; "
            + script.Replace("DISK", "/dev/${disk##*/}", StringComparison.Ordinal))).ShouldBe("");
    }

    private async Task<(string Id, string Said)> BootAsync(string image, string engine, string type, string userData, string command)
    {
        var key = await cloud.PostAsync("/v1/key-pairs", new { name = $"key-{image}-{engine}" });
        var file = Path.Combine(cloud.Data, $"{image}-{engine}.pem");
        await File.WriteAllTextAsync(file, key.GetProperty("privateKey").GetString());
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await cloud.ImageIsBuiltAsync(image);
        var instance = await cloud.PostAsync("/v1/instances?wait=300", new
        {
            name = $"of-{image}",
            image,
            engine,
            type,
            userData,
            keyPair = $"key-{image}-{engine}",
            ports = new[] { new { guest = 22 } },
        });
        instance.GetProperty("ready").GetBoolean().ShouldBeTrue(instance.ToString());
        var port = instance.GetProperty("ports")[0].GetProperty("port").GetInt32();
        var user = (await cloud.GetAsync($"/v1/images/{image}")).GetProperty("loginUser").GetString()!;
        return (instance.GetProperty("id").GetString()!, await Ssh.RunAsync(file, port, user, command));
    }
}
