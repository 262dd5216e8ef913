using Cloud.Vmm.Runner.Channels;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner;

/// <summary>Makes channels from their options; each is used once.</summary>
internal sealed class ChannelBuilder(RunnerOptions options, HostFiles files, Action quit)
{
    private readonly HashSet<string> _used = [];

    /// <summary>The channel of an id, and the file that keeps all that goes out by it where one was asked for.</summary>
    /// <exception cref="OptionException">There is no such channel, or another part has it.</exception>
    internal (IChannel Channel, IChannel? Log) Build(string id)
    {
        Properties channel = Claim(id);
        string backend = channel.Required("backend");
        IChannel made = backend switch
        {
            "socket" => new SocketChannel(HostFiles.Listen(channel)),
            "file" => new FileChannel(files.OpenToAppend(channel.Required("path"))),
            "stdio" => new StdioChannel(quit),
            _ => throw new OptionException($"A channel of kind '{backend}' is not known."),
        };
        string? log = channel.Text("logfile");
        return (made, log is null ? null : new FileChannel(files.OpenToAppend(log)));
    }

    /// <summary>The options of a channel that speaks QMP, for which only a socket will do.</summary>
    /// <exception cref="OptionException">There is no such channel, or it is no socket.</exception>
    internal Properties ClaimMonitor(string id)
    {
        Properties channel = Claim(id);
        return channel.Required("backend") == "socket" ? channel : throw new OptionException("QMP is spoken on a socket.");
    }

    private Properties Claim(string id)
    {
        if (!options.Channels.TryGetValue(id, out Properties? channel))
        {
            throw new OptionException($"There is no channel '{id}'.");
        }

        return _used.Add(id) ? channel : throw new OptionException($"Two parts want the channel '{id}'.");
    }
}
