"""Models and their trainings as a registry keeps them: what waits to be told, and the registry itself."""
