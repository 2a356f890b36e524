//! SDK 0.3.0, multi-venue: other layouts, and pools at another address.
#![no_std]
extern crate alloc;
use algo_sdk::*;

include!("../../shared/alone.rs");
include!("../../shared/multi.rs");
