"""Files on their way in and out of the worker: taken in, looked at, converted, kept."""
