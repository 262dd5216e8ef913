using System.Diagnostics;
using Cloud.Compute.Contracts;
using Cloud.Primitives;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// Files and programs in and out of a running container, as streams: from another process to the compute service, and on to the host's
/// agent.
/// </summary>
[Collection(OnDistributedCloud.Name)]
public sealed class ContainerCommandTests(DistributedCloud cloud) : IAsyncLifetime
{
    private const int LargeBytes = 136 << 20;

    private HttpClient _client = null!;
    private HttpInstances _instances = null!;
    private string _project = "";

    public async ValueTask InitializeAsync()
    {
        _client = cloud.CreateClientOf("compute");
        _instances = new HttpInstances(() => _client);
        _project = (await cloud.GetAsync("/v1/projects?name=default")).GetProperty("items")[0].GetProperty("id").GetString()!;
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Archive_OfMoreThanTheContainersMemory_GoesInAndComesOutAsItWas()
    {
        var id = await CreateAsync("archived");
        var source = Directory.CreateTempSubdirectory("cloud-archive-").FullName;
        try
        {
            await ShellAsync($"head -c {LargeBytes} /dev/urandom > {source}/large; mkdir {source}/sub; echo small > {source}/sub/small");
            await ShellAsync($"tar -C {source} -cf {source}.tar large sub");
            await using (var archive = File.OpenRead($"{source}.tar"))
            {
                (await RunAsync("archived", ["sh", "-c", "mkdir /tmp/in && tar -C /tmp/in -x"], archive)).ExitCode.ShouldBe(0);
            }

            (await cloud.ShellAsync(id, "cat /tmp/in/sub/small")).ShouldBe("small\n");
            await using (var returned = File.Create($"{source}.back"))
            {
                var end = await RunAsync(
                    "archived", ["tar", "-C", "/tmp/in", "-c", "large", "sub"], null, (output, ct) => output.CopyToAsync(returned, ct));
                end.ExitCode.ShouldBe(0);
            }

            await ShellAsync($"mkdir {source}.out && tar -C {source}.out -xf {source}.back && diff -r {source} {source}.out");
        }
        finally
        {
            await ShellAsync($"rm -rf {source} {source}.*");
            await cloud.DeleteInstanceAsync(id);
        }
    }

    [Fact]
    public async Task Command_OfACallerThatGoesAway_IsKilled_AndOneThatFailsSaysWhy()
    {
        var id = await CreateAsync("commanded");
        using var gone = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await Should.ThrowAsync<OperationCanceledException>(() => _instances.RunAsync(
            _project, "commanded", new ContainerCommand(["sleep", "8642"]), null, null, gone.Token));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while ((await cloud.ShellAsync(id, "ps")).Contains("sleep 8642", StringComparison.Ordinal))
        {
            await Task.Delay(50, limit.Token);
        }

        var end = await _instances.RunAsync(
            _project, "commanded", new ContainerCommand(["sh", "-c", "id -u >&2; exit 9"], new ContainerUser(77, 78)), null, null,
            CancellationToken.None);
        end.ShouldBe(new ContainerCommandEnd(9, "77\n"));
        var never = await Should.ThrowAsync<CloudException>(() => RunAsync("commanded", ["/not-there"], null));
        never.Code.ShouldBe("engine-refused");
        never.Message.ShouldContain("/not-there");
        (await Should.ThrowAsync<CloudException>(() => RunAsync("nobody", ["true"], null))).Kind.ShouldBe(ErrorKind.NotFound);
        await cloud.DeleteInstanceAsync(id);
    }

    [Fact]
    public async Task Machine_HasNoSuchCommands()
    {
        var made = await cloud.CreateInstanceAsync("no-container");
        var refused = await Should.ThrowAsync<CloudException>(() => RunAsync("no-container", ["true"], null));
        refused.Code.ShouldBe("engine-refused");
        refused.Message.ShouldContain("Only a container");
        await cloud.DeleteInstanceAsync(made.GetProperty("id").GetString()!);
    }

    private Task<ContainerCommandEnd> RunAsync(
        string instance, IReadOnlyList<string> command, Stream? input, Func<Stream, CancellationToken, Task>? output = null) =>
        _instances.RunAsync(_project, instance, new ContainerCommand(command), input, output, CancellationToken.None);

    private async Task<string> CreateAsync(string name)
    {
        var made = await cloud.PostAsync("/v1/instances?wait=60", new { name, image = "tiny-container", type = "nano" });
        made.GetProperty("status").GetString().ShouldBe("running");
        return made.GetProperty("id").GetString()!;
    }

    private static async Task ShellAsync(string script)
    {
        using var process = Process.Start("/bin/sh", ["-c", script]);
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, script);
    }
}
