"""The smallest crate that is an algo. Without the SDK it compiles in no time: for tests that are not about what
comes out of a build.
"""

from __future__ import annotations

_MANIFEST = """\
[package]
name = "my-algo"
version = "0.1.0"
edition = "2021"

[lib]
crate-type = ["cdylib"]

[dependencies]

[profile.release]
panic = "abort"
"""
_LOCK = 'version = 3\n\n[[package]]\nname = "my-algo"\nversion = "0.1.0"\n'
_CODE = """\
#![no_std]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
#[no_mangle]
pub extern "C" fn algo_alloc(_: i32) -> i32 {
    0x10_0000
}
#[no_mangle]
pub extern "C" fn algo_on_book_v3(_: i32, _: i32) -> i32 {
    0
}
#[no_mangle]
pub extern "C" fn algo_on_message(_: i64, _: i32, _: i32, _: i32) -> i32 {
    0
}
#[no_mangle]
pub extern "C" fn algo_on_fill(_: i32, _: i32) {}
#[no_mangle]
pub extern "C" fn algo_on_reject(_: i32) {}
#[no_mangle]
pub extern "C" fn algo_on_shutdown(_: i32) -> i32 {
    0
}
"""


def smallest(folder: str) -> dict[str, str]:
    """Its files below `folder`."""
    return {
        f"{folder}/Cargo.toml": _MANIFEST,
        f"{folder}/Cargo.lock": _LOCK,
        f"{folder}/src/lib.rs": _CODE,
    }
