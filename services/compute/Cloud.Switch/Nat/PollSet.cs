using Cloud.Switch.Native;

namespace Cloud.Switch.Nat;

/// <summary>The descriptors of one round of the loop and what poll says of them.</summary>
internal sealed unsafe class PollSet
{
    private Libc.PollFd[] _descriptors = new Libc.PollFd[64];
    private int _count;

    public void Clear() => _count = 0;

    /// <summary>Adds a descriptor; by the number it answers <see cref="Occurred"/> is asked.</summary>
    public int Add(int descriptor, short events)
    {
        if (_count == _descriptors.Length)
        {
            Array.Resize(ref _descriptors, _count * 2);
        }

        _descriptors[_count] = new Libc.PollFd { Descriptor = descriptor, Events = events };
        return _count++;
    }

    /// <summary>Waits for one of them; forever with a negative limit.</summary>
    public void Wait(int limitMilliseconds)
    {
        fixed (Libc.PollFd* descriptors = _descriptors)
        {
            if (Libc.Poll(descriptors, (nuint)_count, limitMilliseconds) < 0)
            {
                // Interrupted: nothing is said to have occurred, and the next round asks again.
                for (var at = 0; at < _count; at++)
                {
                    _descriptors[at].Occurred = 0;
                }
            }
        }
    }

    public short Occurred(int number) => _descriptors[number].Occurred;
}
