using Cloud.Benchmarks;

if (args is ["backend", var answer])
{
    await GatewayBenchmark.ServeBackendAsync(answer);
    return 0;
}

if (args is ["backup", .. var size])
{
    await BackupBenchmark.RunAsync(
        size is [var mebibytes] ? long.Parse(mebibytes, System.Globalization.CultureInfo.InvariantCulture) << 20 : 2L << 30);
    return 0;
}

if (args is ["simulator", var kernel, .. var parts])
{
    await SimulatorBenchmark.RunAsync(kernel, parts, rounds: 3);
    return 0;
}

using var cloud = CloudUnderMeasure.FromEnvironment();
switch (args)
{
    case ["boot", .. var rest]:
        await BootBenchmark.RunAsync(
            cloud, rounds: rest is [var rounds] ? int.Parse(rounds, System.Globalization.CultureInfo.InvariantCulture) : 5);
        return 0;
    case ["containers", .. var rest]:
        await ContainerBenchmark.RunAsync(
            cloud, rounds: rest is [var times] ? int.Parse(times, System.Globalization.CultureInfo.InvariantCulture) : 30);
        return 0;
    case ["reads"]:
        await ReadsBenchmark.RunAsync(cloud);
        return 0;
    case ["idle"]:
        await IdleBenchmark.RunAsync(cloud);
        return 0;
    case ["start"]:
        await StartBenchmark.RunAsync(cloud);
        return 0;
    case ["many", .. var rest]:
        await ManyBenchmark.RunAsync(cloud, rest is [var count] ? int.Parse(count, System.Globalization.CultureInfo.InvariantCulture) : 50);
        return 0;
    case ["snapshots"]:
        await SnapshotBenchmark.SnapshotsAsync(cloud, rounds: 5);
        return 0;
    case ["forks", .. var rest]:
        await SnapshotBenchmark.ForksAsync(
            cloud, rest is [var forks] ? int.Parse(forks, System.Globalization.CultureInfo.InvariantCulture) : 10);
        return 0;
    case ["warm", .. var rest]:
        await SnapshotBenchmark.WarmAsync(
            cloud, rounds: rest is [var creates] ? int.Parse(creates, System.Globalization.CultureInfo.InvariantCulture) : 5);
        return 0;
    case ["volumes"]:
        await VolumeBenchmark.RunAsync(cloud);
        return 0;
    case ["volume-io", .. var rest]:
        await VolumeBenchmark.ReadAndWriteAsync(
            cloud, rounds: rest is [var turns] ? int.Parse(turns, System.Globalization.CultureInfo.InvariantCulture) : 6);
        return 0;
    case ["migration", .. var rest]:
        await MigrationBenchmark.RunAsync(
            cloud, rounds: rest is [var moves] ? int.Parse(moves, System.Globalization.CultureInfo.InvariantCulture) : 10);
        return 0;
    case ["migration-writer"]:
        await MigrationBenchmark.RunWriterAsync(cloud, rounds: 4);
        return 0;
    case ["gateway"]:
        await GatewayBenchmark.RunAsync(cloud);
        return 0;
    case ["objects"]:
        await ObjectsBenchmark.RunAsync(cloud);
        return 0;
    case ["objects-large", .. var rest]:
        await LargeObjectBenchmark.RunAsync(
            cloud, rest is [var gibibytes] ? int.Parse(gibibytes, System.Globalization.CultureInfo.InvariantCulture) : 10);
        return 0;
    case ["databases", .. var which]:
        await DatabaseBenchmark.RunAsync(cloud, which);
        return 0;
    default:
        Console.Error.WriteLine(
            "Name one of: boot, containers, reads, idle, start, many, snapshots, forks, warm, migration, migration-writer, volumes, "
            + "volume-io, gateway, objects, objects-large, backup, databases, simulator. See README.md.");
        return 2;
}
