using Xunit.Sdk;
using Xunit.v3;

[assembly: Parallelization(Mode = ParallelMode.Collections, MaxThreads = 2)]
[assembly: TestCollectionOrderer(typeof(Cloud.EndToEnd.Tests.LongestFirst))]

namespace Cloud.EndToEnd.Tests;

/// <summary>A cloud in one process.</summary>
public sealed class LocalCloud() : CloudUnderTest("local");

/// <summary>A cloud with a process a service, PostgreSQL and RabbitMQ.</summary>
public sealed class DistributedCloud() : CloudUnderTest("distributed");

/// <summary>The suites of what an ordinary user's cloud is.</summary>
[CollectionDefinition(Name)]
public sealed class OnOrdinaryUsersCloud : ICollectionFixture<OrdinaryUsersCloud>
{
    public const string Name = "ordinary user";
}

/// <summary>The suites that share one local cloud.</summary>
[CollectionDefinition(Name)]
public sealed class OnLocalCloud : ICollectionFixture<LocalCloud>
{
    public const string Name = "local";
}

/// <summary>The suites that share another local cloud: all local ones on one would take longer than all others beside them.</summary>
[CollectionDefinition(Name)]
public sealed class OnSecondLocalCloud : ICollectionFixture<LocalCloud>
{
    public const string Name = "local 2";
}

/// <summary>The suites that share one distributed cloud.</summary>
[CollectionDefinition(Name)]
public sealed class OnDistributedCloud : ICollectionFixture<DistributedCloud>
{
    public const string Name = "distributed";
}

/// <summary>The suites of guests whose images take long to build: they come last, on a local cloud of theirs.</summary>
[CollectionDefinition(Name)]
public sealed class OnCloudOfSlowImages : ICollectionFixture<LocalCloud>
{
    public const string Name = "slow images";
}

/// <summary>What takes longest begins first, so that none is left alone at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Order =
        [OnDistributedCloud.Name, OnLocalCloud.Name, OnSecondLocalCloud.Name, OnOrdinaryUsersCloud.Name, OnCloudOfSlowImages.Name];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderBy(collection => Array.IndexOf(Order, collection.TestCollectionDisplayName))];
}
