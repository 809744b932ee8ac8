"""One file or package per plugin; the file name is the plugin's name."""
