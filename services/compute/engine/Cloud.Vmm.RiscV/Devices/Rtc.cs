using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices;

// Register map (Goldfish RTC):
//   0x00 TIME_LOW, 0x04 TIME_HIGH    nanoseconds since 1970; reading the low word latches the high one, writing the low one sets the time
//   0x08 ALARM_LOW, 0x0C ALARM_HIGH  when to interrupt; writing the low word arms the alarm
//   0x10 IRQ_ENABLED  0x14 CLEAR_ALARM  0x18 ALARM_STATUS  0x1C CLEAR_INTERRUPT

/// <summary>The Goldfish real-time clock, with its alarm.</summary>
internal sealed class Rtc : IBusDevice, IDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly InterruptLine _line;
    private readonly ITimer _timer;
    private long _offset;
    private uint _latchedHigh;
    private uint _timeHigh;
    private uint _alarmHigh;
    private ulong _alarm;
    private bool _armed;
    private bool _enabled;
    private bool _pending;

    internal Rtc(TimeProvider time, InterruptLine line)
    {
        _time = time;
        _line = line;
        _timer = time.CreateTimer(_ => CheckAlarm(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private enum Registers : ulong
    {
        TimeLow = 0x00,
        TimeHigh = 0x04,
        AlarmLow = 0x08,
        AlarmHigh = 0x0C,
        InterruptEnabled = 0x10,
        ClearAlarm = 0x14,
        AlarmStatus = 0x18,
        ClearInterrupt = 0x1C,
    }

    private ulong Nanoseconds =>
        (ulong)((_time.GetUtcNow().Ticks - DateTimeOffset.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick + _offset);

    public bool Read(ulong offset, int sizeLog2, out ulong value)
    {
        lock (_lock)
        {
            value = (Registers)offset switch
            {
                Registers.TimeLow => Latch(),
                Registers.TimeHigh => _latchedHigh,
                Registers.AlarmLow => (uint)_alarm,
                Registers.AlarmHigh => (uint)(_alarm >> 32),
                Registers.InterruptEnabled => _enabled ? 1U : 0,
                Registers.AlarmStatus => _armed ? 1U : 0,
                _ => 0U,
            };
        }

        return sizeLog2 == 2;
    }

    public bool Write(ulong offset, int sizeLog2, ulong value)
    {
        if (sizeLog2 != 2)
        {
            return false;
        }

        lock (_lock)
        {
            WriteRegister((Registers)offset, (uint)value);
            UpdateLine();
        }

        CheckAlarm();
        return true;
    }

    public void Reset()
    {
        lock (_lock)
        {
            (_armed, _enabled, _pending) = (false, false, false);
            (_alarm, _alarmHigh, _timeHigh, _latchedHigh) = (0, 0, 0, 0);
            UpdateLine();
        }
    }

    public void Save(StateWriter state)
    {
        lock (_lock)
        {
            state.U64((ulong)_offset);
            state.Words([_latchedHigh, _timeHigh, _alarmHigh]);
            state.U64(_alarm);
            state.Flag(_armed);
            state.Flag(_enabled);
            state.Flag(_pending);
        }
    }

    /// <summary>The clock is the host's, however long the machine did not run; an alarm that went by rings now.</summary>
    public void Load(StateReader state)
    {
        lock (_lock)
        {
            _offset = (long)state.U64();
            (_latchedHigh, _timeHigh, _alarmHigh) = (state.U32(), state.U32(), state.U32());
            _alarm = state.U64();
            (_armed, _enabled, _pending) = (state.Flag(), state.Flag(), state.Flag());
            UpdateLine();
        }

        CheckAlarm();
    }

    public void Dispose() => _timer.Dispose();

    private void WriteRegister(Registers register, uint value)
    {
        switch (register)
        {
            case Registers.TimeHigh:
                _timeHigh = value;
                break;
            case Registers.TimeLow:
                _offset += (long)(((ulong)_timeHigh << 32 | value) - Nanoseconds);
                break;
            case Registers.AlarmHigh:
                _alarmHigh = value;
                break;
            case Registers.AlarmLow:
                _alarm = (ulong)_alarmHigh << 32 | value;
                _armed = true;
                break;
            case Registers.InterruptEnabled:
                _enabled = (value & 1) != 0;
                break;
            case Registers.ClearAlarm:
                _armed = false;
                break;
            case Registers.ClearInterrupt:
                _pending = false;
                break;
        }
    }

    private void CheckAlarm()
    {
        lock (_lock)
        {
            if (!_armed)
            {
                return;
            }

            ulong now = Nanoseconds;
            if (now >= _alarm)
            {
                _armed = false;
                _pending = true;
                UpdateLine();
                return;
            }

            // A timer takes at most some 49 days: a later alarm is looked at again then.
            double milliseconds = Math.Min((_alarm - now) / 1e6 + 1, uint.MaxValue - 1);
            _timer.Change(TimeSpan.FromMilliseconds(milliseconds), Timeout.InfiniteTimeSpan);
        }
    }

    private uint Latch()
    {
        ulong now = Nanoseconds;
        _latchedHigh = (uint)(now >> 32);
        return (uint)now;
    }

    private void UpdateLine() => _line.Set(_pending && _enabled);
}
