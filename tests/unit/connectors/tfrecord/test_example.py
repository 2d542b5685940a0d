"""The wire format of Examples: what comes back, what is refused, and that TensorFlow's own messages say the same."""

import math

import numpy as np
import pytest

from connectors.tfrecord.example import Value, decode_example, encode_example
from models.triplets.triplet_features import FeatureType

VALUES: dict[str, tuple[FeatureType, Value]] = {
    "text": (FeatureType.BYTES, b"\x00\xff text"),
    "empty": (FeatureType.BYTES, b""),
    "number": (FeatureType.FLOAT32, (1.5,)),
    "numbers": (FeatureType.INT64, (0, 127, 128, -1, 2**63 - 1, -(2**63))),
    "long": (FeatureType.BYTES, bytes(range(256)) * 200),
}


def test_values_come_back() -> None:
    assert decode_example(encode_example(VALUES)) == VALUES


def test_the_order_of_the_features_changes_no_byte() -> None:
    assert encode_example(dict(reversed(VALUES.items()))) == encode_example(VALUES)


def test_a_number_too_large_for_32_bits_is_infinite() -> None:
    assert decode_example(encode_example({"a": (FeatureType.FLOAT32, (1e99,))}))["a"][1] == (math.inf,)


@pytest.mark.training
def test_tensorflow_writes_and_reads_the_same_message() -> None:
    tf = pytest.importorskip("tensorflow", reason="needs the training extra: pip install 'petawatch[training]'")
    lists = {
        FeatureType.BYTES: ("bytes_list", tf.train.BytesList),
        FeatureType.INT64: ("int64_list", tf.train.Int64List),
    }
    lists[FeatureType.FLOAT32] = ("float_list", tf.train.FloatList)
    features = {}
    for name, (type_, value) in VALUES.items():
        word, make = lists[type_]
        features[name] = tf.train.Feature(**{word: make(value=[value] if isinstance(value, bytes) else value)})
    message = tf.train.Example(features=tf.train.Features(feature=features))
    assert tf.train.Example.FromString(encode_example(VALUES)) == message
    assert decode_example(message.SerializeToString()) == VALUES


def test_garbage_is_refused_with_a_value_error() -> None:
    data = encode_example(VALUES | {"long": (FeatureType.BYTES, b"x" * 50)})
    chance = np.random.default_rng(1)
    refused = 0
    for _ in range(2000):
        spoiled = bytearray(data)
        for _ in range(3):
            spoiled[chance.integers(len(data))] = chance.integers(256)
        try:
            decode_example(bytes(spoiled[: chance.integers(len(data) + 1)]))
        except ValueError:
            refused += 1
    assert refused > 1000
