"""The jobs of the workflow: for each file of rules, the jobs of its rules and the files that they read."""
