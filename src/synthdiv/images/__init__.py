"""Store and read generated and natural images: archive, index tables, readers, flags."""
