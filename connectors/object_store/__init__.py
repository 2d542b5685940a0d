"""Objects in buckets, by the protocol that S3, MinIO and Ceph speak."""
