"""Pure functions on words that plugins and the world share."""
