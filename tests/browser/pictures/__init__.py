"""The pictures of the documentation, made anew by ``make pictures``: pages of a console that shows a simulated day."""
