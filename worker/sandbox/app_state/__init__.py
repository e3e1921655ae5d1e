"""App state: what an account's devices know together, sealed so that the network cannot read it."""
