"""An emulator of the WhatsApp multi-device network, with virtual phones, for the real client library."""
