"""What tests need of a real MinIO: buckets and users of their own on the server that all share."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minio import Minio
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin
from pydantic import SecretStr

from connectors.object_store.settings import ObjectStoreSettings
from servers.minio_server import MinioServer


def store_settings(server: MinioServer, **options: Any) -> ObjectStoreSettings:
    """How the server is reached by its keeper; it is asked again once only."""
    return ObjectStoreSettings(
        **{
            "endpoint": server.endpoint,
            "access_key": server.access_key,
            "secret_key": SecretStr(server.secret_key),
            "secure": False,
            "retries": 1,
            **options,
        }
    )


def own_bucket(server: MinioServer) -> str:
    """A new bucket."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    keeper_client(server).make_bucket(name)
    return name


def keeper_client(server: MinioServer) -> Minio:
    """The plain client, which may do anything."""
    return Minio(server.endpoint, server.access_key, server.secret_key, secure=False)


def keeper(server: MinioServer) -> MinioAdmin:
    """Users, rights and quotas."""
    return MinioAdmin(
        endpoint=server.endpoint, credentials=StaticProvider(server.access_key, server.secret_key), secure=False
    )


def reader_settings(server: MinioServer, bucket: str, folder: Path, *, more: Sequence[str] = ()) -> ObjectStoreSettings:
    """How a user that may read the bucket, and nothing else but ``more``, reaches the server."""
    name, secret = f"reader-{uuid.uuid4().hex[:8]}", "reader's secret"
    statement = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket", *more],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    policy = folder / "policy.json"
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    admin = keeper(server)
    admin.policy_add(name, str(policy))
    admin.user_add(name, secret)
    admin.attach_policy(policies=[name], user=name)
    return store_settings(server, access_key=name, secret_key=SecretStr(secret))


def empty_bucket(server: MinioServer, name: str) -> None:
    """Remove all versions of everything in it."""
    client = keeper_client(server)
    for found in client.list_objects(name, recursive=True, include_version=True):
        client.remove_object(name, str(found.object_name), version_id=found.version_id)
