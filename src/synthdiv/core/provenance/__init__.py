"""With which software, machine and config results were computed."""
