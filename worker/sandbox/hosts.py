"""The names under which clients know the network."""

CHAT_HOST = "web.whatsapp.com"
MEDIA_HOST = "mmg.whatsapp.net"
HOSTS = (CHAT_HOST, MEDIA_HOST)
