using System.Runtime.InteropServices;
using Cloud.Switch.Native;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>A network namespace: a machine as far as the network goes. Sockets that are made in it stay in it, whoever uses them.</summary>
internal sealed partial class NetworkNamespace : IAsyncDisposable
{
    private NetworkNamespace(string name) => Name = name;

    public string Name { get; }

    public static async Task<NetworkNamespace> CreateAsync(string name)
    {
        await Shell.RunAsync("ip", "netns", "add", name);
        var made = new NetworkNamespace(name);
        await made.IpAsync("link", "set", "lo", "up");
        return made;
    }

    /// <summary><c>ip</c> in here.</summary>
    public Task IpAsync(params string[] arguments) => Shell.RunAsync("ip", ["-n", Name, .. arguments]);

    /// <summary>Runs a program in here.</summary>
    public Task<string> RunAsync(params string[] command) => Shell.RunAsync("ip", ["netns", "exec", Name, .. command]);

    /// <summary>Runs a function on a thread in here, to make sockets.</summary>
    public async Task<T> InAsync<T>(Func<T> make)
    {
        var made = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                var space = Libc.Require(Libc.Open("/run/netns/" + Name, Libc.OpenCloexec, 0), "open netns");
                Libc.Require(Enter(space, 0), "setns");
                _ = Libc.Close(space);
                made.SetResult(make());
            }
            catch (Exception failed)
            {
                made.SetException(failed);
            }
        });
        thread.Start();
        return await made.Task;
    }

    public async ValueTask DisposeAsync() => await Shell.RunAsync("ip", "netns", "delete", Name);

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int Enter(int space, int kind);
}
