//! SDK 0.3.2, multi-venue.
#![no_std]
use algo_sdk::*;

include!("../../shared/alone.rs");
include!("../../shared/multi.rs");
