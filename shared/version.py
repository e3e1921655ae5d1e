"""Which release this is: of control plane and worker alike."""

VERSION = "0.1.0"
