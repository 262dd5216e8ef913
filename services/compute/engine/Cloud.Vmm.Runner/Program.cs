using System.Net.Sockets;
using System.Runtime.InteropServices;
using Cloud.Vmm.Runner.Disks;
using Cloud.Vmm.Runner.Gdb;
using Cloud.Vmm.Runner.Options;
using Cloud.Vmm.Runner.Qmp;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner;

internal static class Program
{
    private const string Help = """
        cloud-vmm: a RISC-V machine, simulated. It takes the options of qemu-system-riscv64 -M virt that are named here, and speaks its QMP.

          -kernel FILE  -initrd FILE  -append TEXT  -bios FILE|none|default     what boots (default: Debian's OpenSBI)
          -m SIZE  -smp N  -name NAME  -uuid UUID                               the board
          -nographic                                                            the serial port on this terminal; Ctrl-A x ends it
          -serial chardev:ID|stdio|file:PATH|unix:PATH|none                     the serial port elsewhere
          -blockdev driver=file|raw|qcow2|throttle,…  -device virtio-blk-device,drive=NODE     without drive=: a drive for a disk to come
          -netdev dgram,…  -device virtio-net-device,netdev=ID,mac=…
          -device virtio-serial-device,id=ID  -device virtserialport,bus=ID.0,chardev=ID,name=…
          -device virtio-scsi-device,id=ID  -device scsi-cd,bus=ID.0,drive=NODE
          -device virtio-rng-device | virtio-balloon-device
          -chardev socket|file|stdio,…  -mon chardev=ID,mode=control  -qmp unix:PATH  -add-fd fd=N,set=N
          -incoming unix:PATH|fd:N|defer                                        goes on from a state instead of booting
          -object memory-backend-file,id=ID,size=N,mem-path=FILE,share=on|off   with -M virt,memory-backend=ID: the guest's memory
          -runas UID:GID                                                        a user to become before anything is opened
          -S  -no-reboot  -no-shutdown  -action shutdown=pause|poweroff,reboot=reset|shutdown
          -gdb tcp:[ADDRESS]:PORT|unix:PATH  -s                                 awaits a debugger there; -s is -gdb tcp::1234
          -trace FILE[,from=N][,count=N]                                        writes each instruction to a file, with its text
          -accel sim,deterministic=on                                           one thread, time by the count of instructions
          -accel sim,translate=off                                              interprets instead of translating
          -sandbox off                                                          no filter of system calls

        Boot a kernel with nothing around it:
          cloud-vmm -nographic -m 256M -kernel Image -initrd initrd.gz -append console=ttyS0
        """;

    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is ["--help" or "-h" or "-help", ..])
        {
            Console.WriteLine(Help);
            return 0;
        }

        try
        {
            return await RunAsync(CommandLine.Parse(arguments));
        }
        catch (OptionException refused)
        {
            await Console.Error.WriteLineAsync($"cloud-vmm: {refused.Message}");
            return 1;
        }
    }

    private static async Task<int> RunAsync(RunnerOptions options)
    {
        if (options.RunAs is { } user)
        {
            Privileges.DropTo(user);
        }

        var descriptors = new HostDescriptors();
        options.DescriptorSets.ForEach(
            given => descriptors.Add(given.Set, new SafeFileHandle(given.Descriptor, ownsHandle: true), given.Opaque));
        var files = new HostFiles(descriptors);
        using var nodes = new BlockNodes(files);
        Supervisor? supervisor = null;
        var channels = new ChannelBuilder(options, files, () => supervisor?.Quit("host-ui"));
        List<Socket> monitors = [.. options.Monitors.Select(id => HostFiles.Listen(channels.ClaimMonitor(id)))];
        GuestMachine guest = new GuestBuilder(options, files, channels, nodes).Build();
        var events = new QmpEvents(TimeProvider.System);
        supervisor = new Supervisor(guest, options, events);
        var migration = new Migration(supervisor, options, descriptors, events);
        var commands = new QmpCommands(supervisor, migration, options, descriptors, events);
        List<QmpServer> servers = [.. monitors.Select(socket => new QmpServer(socket, commands, events))];

        // As QEMU does: a signal that asks the process to end closes the disks in order.
        using PosixSignalRegistration terminate = OnSignal(PosixSignal.SIGTERM, supervisor);
        using PosixSignalRegistration interrupt = OnSignal(PosixSignal.SIGINT, supervisor);
        using InstructionTrace? trace = options.Trace is { } wanted ? new InstructionTrace(wanted) : null;
        Array.ForEach(guest.Machine.Harts, hart => hart.Observer = trace);
        using GdbServer? debugger = options.Debugger is { } where ? new GdbServer(supervisor, where) : null;
        debugger?.Start();
        guest.Open();
        if (options.Sandboxed)
        {
            Sandbox.Enter();
        }

        servers.ForEach(server => server.Start());
        if (options.Incoming is not null and not "defer")
        {
            migration.Receive(options.Incoming);
        }
        else if (!options.StartStopped)
        {
            supervisor.Continue();
        }

        int code = await supervisor.Ended;
        servers.ForEach(server => server.Dispose());
        guest.Dispose();
        return code;
    }

    private static PosixSignalRegistration OnSignal(PosixSignal signal, Supervisor supervisor) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            supervisor.Quit("host-signal");
        });
}
