namespace Cloud.Compute.Images;

/// <summary>Where an image stands. The numbers are stored and never change.</summary>
public enum ImageStatus
{
    /// <summary>Its recipe is being carried out.</summary>
    Building = 1,

    /// <summary>Its bytes are on the way in.</summary>
    Importing = 2,

    /// <summary>Instances can be made from it.</summary>
    Active = 3,

    Failed = 4,

    Deleting = 5,

    Deleted = 6,
}
