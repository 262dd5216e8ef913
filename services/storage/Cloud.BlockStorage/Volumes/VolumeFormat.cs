namespace Cloud.BlockStorage.Volumes;

/// <summary>How a new volume's bytes lie on its host. The numbers are stored and never change.</summary>
public enum VolumeFormat
{
    /// <summary>Space is taken in blocks, as they are written.</summary>
    Qcow2 = 1,

    /// <summary>A plain file with holes, until the first snapshot lays another over it.</summary>
    Raw = 2,
}
