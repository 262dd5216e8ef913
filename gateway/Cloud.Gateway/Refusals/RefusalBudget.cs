using System.Net;

namespace Cloud.Gateway.Refusals;

/// <summary>
/// How many refused calls may still be written: a hundred at once from an address and then one in ten seconds, in all a thousand and one a
/// second.
/// </summary>
internal sealed class RefusalBudget(TimeProvider time)
{
    private const int AddressAtOnce = 100;
    private const int AllAtOnce = 1000;
    private const int AddressesMax = 4096;

    private static readonly TimeSpan AddressEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AllEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TellEvery = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, Bucket> _addresses = [];
    private Bucket _all = new(AllAtOnce, time.GetUtcNow());
    private int _leftOut;
    private DateTimeOffset _toldAt;

    public bool Take(IPAddress address)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (!_addresses.TryGetValue(address, out var bucket))
            {
                if (_addresses.Count >= AddressesMax)
                {
                    // The bound on all of them holds.
                    _addresses.Clear();
                }

                bucket = new Bucket(AddressAtOnce, now);
            }

            bucket = bucket.Fill(AddressAtOnce, AddressEvery, now);
            _all = _all.Fill(AllAtOnce, AllEvery, now);
            if (bucket.Left < 1 || _all.Left < 1)
            {
                _addresses[address] = bucket;
                return false;
            }

            _addresses[address] = bucket with { Left = bucket.Left - 1 };
            _all = _all with { Left = _all.Left - 1 };
            return true;
        }
    }

    /// <summary>Counts one that is not written.</summary>
    /// <returns>How many it were since this last told; 0 where it is too soon to tell.</returns>
    public int LeaveOut()
    {
        lock (_lock)
        {
            _leftOut++;
            var now = time.GetUtcNow();
            if (now - _toldAt < TellEvery)
            {
                return 0;
            }

            _toldAt = now;
            var count = _leftOut;
            _leftOut = 0;
            return count;
        }
    }

    private readonly record struct Bucket(double Left, DateTimeOffset At)
    {
        public Bucket Fill(int atOnce, TimeSpan every, DateTimeOffset now) =>
            new(Math.Min(atOnce, Left + Math.Max(0, (now - At) / every)), now);
    }
}
