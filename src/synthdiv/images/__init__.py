"""Where images lie, generated or natural: archive, index tables, readers, flags."""
