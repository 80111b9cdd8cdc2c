"""The bytes of the portable model: what is written comes back, and nothing else is read."""

import hashlib
import tracemalloc

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlite_ml_vtab.errors import ModelError
from sqlite_ml_vtab.portable import codec, digest

TREE = {
    "text": "größe \U0001f600 \x00 \"'",
    "numbers": [1, -(2**63), 2**63 - 1, 0.1, 1e308, 5e-324, True, None],
    "nested": {"list": [{"deep": [[]]}], "empty": {}},
    "matrix": np.arange(6, dtype="<f8").reshape(2, 3),
    "inside": [{"single": np.array([0.1], dtype="<f4")}, np.array([[[2**62]]], dtype="<i8")],
    "small": np.array([[-1, 2], [3, 4]], dtype="<i4"),
    "bytes": np.array([0, 255, 7], dtype="|u1"),
    "none": np.empty((0, 5)),
}


def refusal(blob, **limit):
    with pytest.raises(ModelError) as caught:
        codec.decode(blob, **limit)
    return str(caught.value)


def equal(found, expected):
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and found.shape == expected.shape and bool((found == expected).all())
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(equal(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(equal, found, expected))
    return type(found) is type(expected) and found == expected


@pytest.fixture(scope="module")
def blob():
    return codec.encode(TREE)


def test_a_tree_comes_back_as_it_was_written(blob):
    assert equal(codec.decode(blob), TREE)


def test_the_same_tree_gives_the_same_bytes(blob):
    assert codec.encode(dict(reversed(TREE.items()))) == blob
    assert codec.encode(codec.decode(blob)) == blob


def test_a_digest_names_the_bytes(blob):
    assert digest(blob) == hashlib.sha256(blob).hexdigest()


def test_arrays_come_back_read_only(blob):
    with pytest.raises(ValueError, match="read-only"):
        codec.decode(blob)["matrix"][0, 0] = 1.0


def test_the_layout_is_the_documented_one():
    text = b'{"a":{"array":0},"arrays":[{"dtype":"|u1","shape":[3]}]}'
    body = b"SQLMLVT\x00\x01\x00\x00\x00" + bytes([len(text), 0, 0, 0]) + text + b"\x07\x08\x09\0\0\0\0\0"
    found = codec.encode({"a": np.array([7, 8, 9], dtype="|u1")})
    assert found == body + hashlib.sha256(body).digest()


def test_an_array_in_another_order_of_memory_is_stored_by_rows():
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert codec.decode(codec.encode({"a": array}))["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("dtype", "name"), [("bool", "bool"), ("O", "object"), ("<i2", "int16"), (">f8", ">f8"), ("<c16", "complex128")]
)
def test_an_array_of_another_type_is_not_written(dtype, name):
    with pytest.raises(ModelError) as caught:
        codec.encode({"a": np.zeros(2, dtype=dtype)})
    assert str(caught.value) == f"an array of type {name} cannot be stored."


@pytest.mark.parametrize("texts", [["x" * 1000] * 9000, [","] * 200_000], ids=["long", "many"])
def test_what_could_not_be_read_back_is_not_written(texts):
    with pytest.raises(ModelError) as caught:
        codec.encode({"categories": texts})
    assert str(caught.value) == (
        "the text values of the model are too many or too long to store. Declare such columns KEY."
    )


def test_every_prefix_of_a_blob_is_refused(blob):
    for stop in range(len(blob)):
        refusal(blob[:stop])


def test_every_flipped_bit_is_refused(blob):
    for place in range(len(blob)):
        for bit in range(8):
            flipped = bytearray(blob)
            flipped[place] ^= 1 << bit
            refusal(bytes(flipped))


def test_bytes_behind_the_end_are_refused(blob):
    assert refusal(blob + b"\0") == "the stored model is damaged: its checksum does not match."


@pytest.mark.parametrize("value", [None, "text", 5, bytearray(b"x"), memoryview(b"x")])
def test_anything_but_bytes_is_refused(value):
    assert refusal(value) == "the stored model is not a BLOB."


def test_a_blob_beyond_the_limit_of_the_host_is_refused_unread():
    assert refusal(bytes(101), limit=100) == "the stored model has 101 bytes, more than the limit of 100."


def test_another_format_is_refused_by_its_number(seal):
    assert refusal(seal({}, number=2)) == "the stored model has format 2, and this release reads format 1."


@pytest.mark.parametrize("blob", [b"", b"\x80\x04K\x01.", b"PK\x03\x04" + bytes(100), bytes(1000)])
def test_what_is_no_model_is_refused(blob):
    assert refusal(blob) == "the stored model is damaged: it does not begin as a model does."


NO_ARRAYS = {"arrays": []}
ONE = {"dtype": "<f8", "shape": [1]}


@pytest.mark.parametrize(
    ("header", "arrays", "problem"),
    [
        (b"", b"", "its header is not JSON"),
        (b'{"arrays": [], "a": NaN}', b"", "its header is not JSON"),
        (b'{"arrays": [], "a": 1e999}', b"", "its header is not JSON"),
        (b'{"arrays": [], "a": "\\ud800"}', b"", "its header is not JSON"),
        (b'{"arrays": [], "a": "\xff"}', b"", "its header is not JSON"),
        (b"[" * 100_000, b"", "its header is not JSON"),
        ([], b"", "its header is not an object"),
        ({}, b"", "its list of arrays"),
        ({"arrays": {}}, b"", "its list of arrays"),
        ({"arrays": [1]}, b"", "the description of an array"),
        ({"arrays": [ONE | {"more": 1}]}, bytes(8), "the description of an array"),
        ({"arrays": [{"dtype": "<f8"}]}, bytes(8), "the description of an array"),
        ({"arrays": [ONE | {"dtype": "|O8"}]}, bytes(8), "the type or shape of an array"),
        ({"arrays": [ONE | {"dtype": ">f8"}]}, bytes(8), "the type or shape of an array"),
        ({"arrays": [ONE | {"dtype": ["<f8"]}]}, bytes(8), "the type or shape of an array"),
        ({"arrays": [ONE | {"shape": 1}]}, bytes(8), "the type or shape of an array"),
        ({"arrays": [ONE | {"shape": [1, 1, 1, 1]}]}, bytes(8), "the type or shape of an array"),
        ({"arrays": [ONE | {"shape": [-1]}]}, bytes(8), "the shape of an array"),
        ({"arrays": [ONE | {"shape": [1.0]}]}, bytes(8), "the shape of an array"),
        ({"arrays": [ONE | {"shape": [True]}]}, bytes(8), "the shape of an array"),
        ({"arrays": [ONE | {"shape": [2**40]}]}, bytes(8), "the shape of an array"),
        ({"arrays": [ONE | {"shape": [2**21, 2**21]}]}, bytes(8), "the shape of an array"),
        ({"arrays": [ONE | {"shape": [0, 2**39, 2**39]}]}, b"", "the shape of an array"),
        ({"arrays": [ONE | {"shape": [2**39]}]}, bytes(8), "an array reaches past its end"),
        ({"arrays": [ONE | {"shape": [2]}]}, bytes(8), "an array reaches past its end"),
        ({"arrays": [ONE], "a": {"array": 0}}, bytes(16), "its arrays do not fill it"),
        ({"arrays": []}, bytes(8), "its arrays do not fill it"),
        ({"arrays": [ONE]}, bytes(8), "an array is not used"),
        ({"arrays": [ONE], "a": {"array": 1}}, bytes(8), "an array is missing or used twice"),
        ({"arrays": [ONE], "a": {"array": -1}}, bytes(8), "an array is missing or used twice"),
        ({"arrays": [ONE], "a": {"array": False}}, bytes(8), "an array is missing or used twice"),
        ({"arrays": [ONE], "a": [{"array": 0}, {"array": 0}]}, bytes(8), "an array is missing or used twice"),
        (NO_ARRAYS | {"a": orjson.loads("[" * 40 + "]" * 40)}, b"", "its header is nested too deep"),
        ({"arrays": [ONE] * (codec.MAX_ARRAYS + 1)}, b"", "its header is larger than allowed"),
        (NO_ARRAYS | {"a": "x" * codec.MAX_HEADER}, b"", "its header is longer than allowed"),
    ],
)
def test_a_header_that_lies_is_refused_though_its_checksum_is_right(seal, header, arrays, problem):
    assert refusal(seal(header, arrays)) == f"the stored model is damaged: {problem}."


def test_a_header_longer_than_the_blob_is_refused(seal):
    body = bytearray(seal({"arrays": []})[:-32])
    body[12:16] = (1000).to_bytes(4, "little")
    sealed = bytes(body) + hashlib.sha256(body).digest()
    assert refusal(sealed) == "the stored model is damaged: its header is longer than allowed."


def test_a_header_as_deep_as_allowed_is_read(seal):
    deep = orjson.loads("[" * 39 + "]" * 39)
    assert codec.decode(seal(NO_ARRAYS | {"a": deep})) == {"a": deep}


@pytest.mark.parametrize("piece", [b"[],", b'{"a":1},', b'"",', b"1,", b"[[[[[1]]]]],", b'{"a":{"b":{"c":{"d":1}}}},'])
def test_a_bomb_of_a_header_stays_within_three_times_its_size_and_64_megabytes(seal, piece):
    refused = seal(b'{"arrays":[],"a":[' + piece * 200_000 + b"0]}")
    assert refusal(refused) == "the stored model is damaged: its header is larger than allowed."
    allowed = seal(b'{"arrays":[],"a":[' + piece * (199_000 // sum(map(piece.count, b",[{"))) + b"0]}")
    tracemalloc.start()
    codec.decode(allowed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(allowed) + 64 * 2**20


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["array", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=12,
)
array_tables = st.lists(
    st.fixed_dictionaries(
        {"dtype": st.sampled_from(["<f8", "<f4", "|u1", "x"]), "shape": st.lists(st.integers(0, 2**41), max_size=3)}
    ),
    max_size=3,
)


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), json_values, max_size=4), array_tables | json_values, st.binary(max_size=64)
)
def test_any_header_is_read_or_refused_and_nothing_else(seal, header, table, arrays):
    sentence = "the stored model is damaged: "
    try:
        codec.decode(seal(header | {"arrays": table}, arrays))
    except ModelError as error:
        sentence = str(error)
    assert sentence.startswith("the stored model is damaged: ")
