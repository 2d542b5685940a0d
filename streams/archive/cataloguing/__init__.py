"""What the catalog is told of files, and how it is asked."""
