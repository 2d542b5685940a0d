"""What devices and stages have recorded over hours and days, out of the stored rows."""
