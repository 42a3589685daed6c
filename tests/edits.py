"""Edit a config, and compare the jobs of two studies."""

import copy


def edit(config, changes):
    """Return a copy of a config with some keys set; a key is a path with slashes, and the value "remove" removes it."""
    config = copy.deepcopy(config)
    for path, value in changes.items():
        *parents, last = path.split("/")
        inner = config
        for parent in parents:
            inner = inner.setdefault(parent, {})
        if value == "remove":
            del inner[last]
        else:
            inner[last] = value
    return config


def find_changes(before, after):
    """The rules with a job that only one of two studies has, or whose params differ."""
    return sorted({job[0] for job in before.keys() | after.keys() if before.get(job) != after.get(job)})
