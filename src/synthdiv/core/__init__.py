"""Files, tables, jobs, devices and model hubs: what has no idea of sets or images."""
