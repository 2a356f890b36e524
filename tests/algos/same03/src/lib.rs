//! The quoter on SDK 0.3.
#![no_std]
use algo_sdk::*;

include!("../../shared/alone.rs");
include!("../../shared/quoter.rs");
include!("../../shared/quoter_until_03.rs");
