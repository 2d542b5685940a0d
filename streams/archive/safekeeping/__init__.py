"""What looks after copies: verified, repaired, and room made where enough of them are proven."""
