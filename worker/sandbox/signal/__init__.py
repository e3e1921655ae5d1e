"""The Signal protocol in libsignal's wire format: keys, X3DH, the double ratchet, sender keys."""
