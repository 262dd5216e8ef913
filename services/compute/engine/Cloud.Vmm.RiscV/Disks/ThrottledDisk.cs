using System.Diagnostics;

namespace Cloud.Vmm.RiscV.Disks;

/// <summary>
/// A disk that does no more than so many operations and bytes a second. Each operation is put after those before it; who asks for one waits
/// until its time has come, less a tenth of a second's worth that may be done at once.
/// </summary>
/// <param name="below">The disk whose limits these are.</param>
/// <param name="operationsPerSecond">0 for no limit.</param>
/// <param name="bytesPerSecond">0 for no limit.</param>
internal sealed class ThrottledDisk(IDisk below, long operationsPerSecond, long bytesPerSecond) : IDisk
{
    private static readonly TimeSpan Burst = TimeSpan.FromSeconds(0.1);

    private readonly long _began = Stopwatch.GetTimestamp();
    private TimeSpan _next;

    public long SizeBytes => Below.SizeBytes;

    public bool ReadOnly => Below.ReadOnly;

    internal IDisk Below { get; set; } = below;

    public void Read(long offset, Span<byte> destination)
    {
        Wait(destination.Length);
        Below.Read(offset, destination);
    }

    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        Wait(source.Length);
        Below.Write(offset, source);
    }

    public void WriteZeroes(long offset, long size)
    {
        Wait(0);
        Below.WriteZeroes(offset, size);
    }

    public void Grow(long sizeBytes) => Below.Grow(sizeBytes);

    public void Flush()
    {
        Wait(0);
        Below.Flush();
    }

    public void Dispose()
    {
    }

    private void Wait(int bytes)
    {
        TimeSpan now = Stopwatch.GetElapsedTime(_began);
        double seconds = Math.Max(
            operationsPerSecond == 0 ? 0 : 1.0 / operationsPerSecond, bytesPerSecond == 0 ? 0 : (double)bytes / bytesPerSecond);
        _next = (now > _next ? now : _next) + TimeSpan.FromSeconds(seconds);
        TimeSpan early = _next - now - Burst;
        if (early > TimeSpan.Zero)
        {
            // On the device's own worker: nothing else waits with it.
            using var never = new ManualResetEventSlim();
            never.Wait(early);
        }
    }
}
