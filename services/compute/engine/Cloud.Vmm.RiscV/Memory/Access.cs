namespace Cloud.Vmm.RiscV.Memory;

/// <summary>What an instruction does with an address; AMOs are stores.</summary>
internal enum Access
{
    Fetch,
    Load,
    Store,
}
