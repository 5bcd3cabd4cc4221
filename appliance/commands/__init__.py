"""Every subcommand of `hallpass`, one file each; `appliance.cli` finds them by name."""
