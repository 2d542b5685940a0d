"""What brings each snapshot into the store and the catalog: followed, copied, compared, retried."""
