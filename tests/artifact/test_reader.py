"""The size and layout reader against modules whose layout is known, and against bytes that are cut off."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.reader import Contributor, contributors, read

Wat = Callable[[str], bytes]


def test_sizes_names_and_layout(wat: Wat) -> None:
    module = read(
        wat(
            '(import "env" "host_log_impl" (func $log (param i32 i32 i32))) '
            '(memory (export "memory") 18) (global (mut i32) (i32.const 1048576)) (global i32 (i32.const 7)) '
            '(func $small (export "algo_on_fill")) (func $big (drop (i64.const 1)) (drop (i64.const 2)))'
            '(data (i32.const 1048600) "later") (data (i32.const 1048576) "first")'
        )
    )
    assert module.stack_pointer == 1_048_576
    assert module.data_start == 1_048_576
    assert module.exported == {1: "algo_on_fill"}
    assert module.names == {0: "log", 1: "small", 2: "big"}
    assert [index for index, _ in module.functions] == [1, 2], (
        "imported functions come first and have no body"
    )
    assert module.functions[1][1] > module.functions[0][1]
    assert {name for name, _ in module.sections} >= {"type", "import", "code", "data", 'custom "name"'}


def test_an_address_above_two_gigabytes_is_read_unsigned(wat: Wat) -> None:
    assert read(wat("(global (mut i32) (i32.const -65536))")).stack_pointer == 0xFFFF_0000


def test_a_computed_data_address_counts_as_unsafe(wat: Wat) -> None:
    module = read(wat('(import "env" "base" (global i32)) (memory 1) (data (global.get 0) "x")'))
    assert module.data_start == 0


def test_passive_data_has_no_address(wat: Wat) -> None:
    assert read(wat('(memory 1) (data "x")')).data_start is None


def test_contributors_are_sections_then_functions_by_size(wat: Wat) -> None:
    drops = "(drop (i64.const 123456789))"
    module = read(
        wat(f'(func $core::fmt::write::h0123456789abcdef {drops * 9}) (func (export "e") {drops}) (func)')
    )
    found = contributors(module, most=3)
    assert [c.what for c in found[-3:]] == ["function core::fmt::write", "function e", "function #2"]
    assert found[0] == Contributor("code", dict(module.sections)["code"])


def test_stripped_functions_go_by_export_or_number(wat: Wat) -> None:
    module = read(wat('(func (export "algo_on_book") (drop (i64.const 1))) (func)'))
    module.names = {}
    assert [c.what for c in contributors(module)[-2:]] == ["function algo_on_book", "function #1"]


@given(cut=st.integers(min_value=9), flip=st.integers(min_value=8))
def test_damaged_bytes_are_an_error_or_a_module_never_a_crash(good: bytes, cut: int, flip: int) -> None:
    damaged = bytearray(good[: cut % len(good)])
    if len(damaged) > 8:
        damaged[8 + flip % (len(damaged) - 8)] ^= 1 << (flip % 8)
    try:
        module = read(bytes(damaged))
    except ArtifactError as refused:
        assert refused.reason == "InvalidModule"  # noqa: PT017 - either outcome is right, a crash is not
    else:
        assert sum(size for _, size in module.sections) <= len(damaged)


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(ArtifactError, match="too long"):
        read(b"\0asm\1\0\0\0\1" + b"\xff" * 12)
