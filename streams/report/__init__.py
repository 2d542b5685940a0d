"""What one shift hands to the next: how it went, what was odd, and what is open."""
