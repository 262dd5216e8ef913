namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>Who gives harts their host threads.</summary>
internal interface IHartScheduler : IDisposable
{
    /// <summary>Lets the harts run.</summary>
    void Start();

    /// <summary>Asks the harts to stop and does not wait; from any thread, a hart's too.</summary>
    void RequestStop();

    /// <summary>Stops the harts; when it returns none runs. Not from a hart's thread.</summary>
    void Stop();
}
