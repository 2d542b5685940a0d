"""The connector: reads snapshots on a recorder computer and sends their records to Kafka."""
