"""How bytes travel between client and network: WebSocket, frames, Noise, binary nodes."""
