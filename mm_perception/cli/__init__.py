"""The `mmp` command; one file per sub-command."""
