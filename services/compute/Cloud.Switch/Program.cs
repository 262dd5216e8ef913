using Cloud.Switch;

return SwitchProgram.Run(args);
