"""Published and own numbers held against each other and against what must hold."""
