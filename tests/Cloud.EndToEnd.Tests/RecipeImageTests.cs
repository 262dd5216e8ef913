namespace Cloud.EndToEnd.Tests;

/// <summary>The images of the cloud's own beside <c>tiny</c>.</summary>
[Collection(OnLocalCloud.Name)]
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

    private async Task<(string Id, string Said)> BootAsync(string image, string engine, string type, string userData, string command)
    {
        var key = await cloud.PostAsync("/v1/key-pairs", new { name = $"key-{image}-{engine}" });
        var file = Path.Combine(cloud.Data, $"{image}-{engine}.pem");
        await File.WriteAllTextAsync(file, key.GetProperty("privateKey").GetString());
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
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
