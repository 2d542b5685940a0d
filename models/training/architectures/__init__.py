"""Ways of telling odd beam frames from normal ones, compared with each other; the watch uses the one that won."""
