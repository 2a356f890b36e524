//! The quoter on SDK 0.1.
#![no_std]
extern crate alloc;
use algo_sdk::*;

include!("../../shared/alone.rs");
include!("../../shared/quoter.rs");
include!("../../shared/quoter_until_03.rs");
