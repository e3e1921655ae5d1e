"""The control API: everything that people and troubles do on the emulated network, by HTTP on loopback."""
