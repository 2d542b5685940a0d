"""Training of the autoencoder: the only package that imports a learning framework; the watch never imports it."""
