using Cloud.Backup.Reader;

return await ReaderCommands.RunAsync(args, Console.Out, Console.Error, CancellationToken.None);
