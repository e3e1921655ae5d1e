"""Engine processes: what runs in each, the pipe to it, and the fleet of them that the agent keeps."""
