"""Pure functions on cameras and poses that plugins and tools share."""
