"""The console: pages, live events and the REST API, in a process of its own."""
