//! An innocent algo linked with a 64 KiB stack, a common size trick that puts data under the platform's tables.
#![no_std]
use algo_sdk::*;
sequence_algo_entry!();

pub struct Quiet {
    seen: u64,
}

impl Algo for Quiet {
    fn on_book(&mut self, _b: &L2Book, _s: &AlgoState, _f: &OnlineFeatures, _a: &mut Actions) {
        self.seen += 1;
        log_info!("seen {}", self.seen);
    }
}

export_algo!(Quiet { seen: 7 });
