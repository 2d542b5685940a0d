"""What brings archived files back."""
