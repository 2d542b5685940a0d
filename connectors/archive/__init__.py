"""Where the archive keeps copies that can be read at once: a folder, or a bucket of an object store."""
