namespace Cloud.Compute.Instances;

/// <summary>What every saga of an instance carries: which one. All else is in the row.</summary>
public sealed record InstanceSagaData(InstanceId Instance);
