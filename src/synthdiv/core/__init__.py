"""Files, tables, jobs, devices and model hubs: everything that is independent of sets and images."""
