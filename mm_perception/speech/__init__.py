"""Sound to words: streams, voice activity, direction of arrival, recognisers."""
