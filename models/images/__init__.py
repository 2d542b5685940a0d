"""Beam images: dark profile, cleaning, ISO 11146 features, reference maps and residuals."""
