using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices.Virtio.Console;

/// <summary>One named port of the console device: bytes to and from the guest's /dev/virtio-ports/NAME.</summary>
/// <param name="number">The port's number, 1 and up: 0 is the console's.</param>
/// <param name="name">The name by which the guest finds it.</param>
/// <param name="output">Gets what the guest writes, on the device's worker.</param>
internal sealed class ConsolePort(int number, string name, PortOutput output)
{
    private const int InputMax = 64 * 1024;

    private readonly Queue<byte> _input = new();
    private bool _guestOpen;
    private bool _hostOpen;

    internal int Number { get; } = number;

    internal string Name { get; } = name;

    /// <summary>Told, on the device's worker, when input may be taken that was refused before.</summary>
    internal Action? RoomMade { get; set; }

    /// <summary>Told when input waits for the guest's buffers, or the host's end was opened or closed; set by the device.</summary>
    internal Action<ConsolePort>? Changed { get; set; }

    /// <summary>Whether the host's end is there: the guest sees it opened and closed.</summary>
    internal bool HostOpen
    {
        get => Volatile.Read(ref _hostOpen);
        set
        {
            Volatile.Write(ref _hostOpen, value);
            Changed?.Invoke(this);
        }
    }

    /// <summary>Offers input; returns how much was taken: nothing while the guest has not opened the port. From any thread.</summary>
    internal int Receive(ReadOnlySpan<byte> bytes)
    {
        int taken;
        lock (_input)
        {
            taken = _guestOpen ? Math.Min(bytes.Length, InputMax - _input.Count) : 0;
            foreach (byte value in bytes[..taken])
            {
                _input.Enqueue(value);
            }
        }

        if (taken > 0)
        {
            Changed?.Invoke(this);
        }

        return taken;
    }

    /// <summary>Whether input waits for the guest.</summary>
    internal bool HasInput
    {
        get
        {
            lock (_input)
            {
                return _input.Count > 0;
            }
        }
    }

    /// <summary>Moves input to a buffer of the guest; returns how much.</summary>
    internal int Take(Span<byte> destination)
    {
        int count;
        lock (_input)
        {
            count = Math.Min(destination.Length, _input.Count);
            for (int i = 0; i < count; i++)
            {
                destination[i] = _input.Dequeue();
            }
        }

        RoomMade?.Invoke();
        return count;
    }

    /// <summary>The guest opened or closed its end.</summary>
    internal void SetGuestOpen(bool open)
    {
        lock (_input)
        {
            _guestOpen = open;
            if (!open)
            {
                _input.Clear();
            }
        }

        RoomMade?.Invoke();
    }

    internal void Save(StateWriter state)
    {
        lock (_input)
        {
            state.Flag(_guestOpen);
            state.Bytes([.. _input]);
        }
    }

    internal void Load(StateReader state)
    {
        lock (_input)
        {
            _guestOpen = state.Flag();
            _input.Clear();
            Array.ForEach(state.Bytes(), _input.Enqueue);
        }
    }

    internal void Write(ReadOnlySpan<byte> bytes) => output(bytes);
}

/// <summary>Takes bytes that the guest wrote.</summary>
internal delegate void PortOutput(ReadOnlySpan<byte> bytes);
