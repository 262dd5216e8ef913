namespace Cloud.Switch.Client;

/// <summary>
/// The switch's folder on its host.
/// <code>
/// switch/control.sock            the host agent's; mode 0600
///        lock                    held by the running switch
///        switch.pid  switch.log
///        state/&lt;id&gt;.json          the ports; mode 0600, they hold user data
///        services.json        the cloud's own servers that guests reach
///        services/&lt;id&gt;.sock    where guests' connections to one of them end; the switch's own
///        metadata/&lt;id&gt;.sock      where a guest's connections to 169.254.169.254 end; the switch's own
///        trunk/in.sock        what the cloud's other switches send
///        ports/&lt;id&gt;/switch.sock  a guest's frames come in here
///        ports/&lt;id&gt;/guest.sock   and go out to here: the guest's process binds it
/// </code>
/// <c>ports</c> can only be entered by the switch and root. A guest's process is given its port's own folder as an open descriptor, and so
/// reaches that and no other.
/// </summary>
public sealed class SwitchFolder(string path)
{
    public string Path { get; } = path;

    public string ControlSocket => In("control.sock");

    public string Lock => In("lock");

    public string ProcessId => In("switch.pid");

    public string Log => In("switch.log");

    public string State => In("state");

    public string Metadata => In("metadata");

    public string Services => In("services");

    public string ServicesFile => In("services.json");

    public string Ports => In("ports");

    public string Trunk => In("trunk");

    /// <summary>Where other switches send.</summary>
    public string TrunkSocket => System.IO.Path.Combine(Trunk, "in.sock");

    public string PortFolder(string id) => System.IO.Path.Combine(Ports, id);

    public string SwitchSocket(string id) => System.IO.Path.Combine(Ports, id, "switch.sock");

    /// <summary>Where the guest's process binds its end.</summary>
    public string GuestSocket(string id) => System.IO.Path.Combine(Ports, id, "guest.sock");

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
