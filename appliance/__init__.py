"""The box as a whole: settings, the command line, the room's processes, the central service's rules."""
