"""One outside system per module: snapshot files, folders, the state directory, webhooks."""
