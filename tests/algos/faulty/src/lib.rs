//! Misbehaves as slot 0 says: 1 loops for ever, 2 panics, 3 overflows the stack, 4 logs without end,
//! 5 crosses the book with a market order on every update, 6 sends an order that makes no sense.
#![no_std]
use algo_sdk::*;
sequence_algo_entry!();

#[derive(Default)]
pub struct Faulty {
    id: u64,
}

#[inline(never)]
fn recurse(n: u64) -> u64 {
    let pad = core::hint::black_box([n; 64]);
    if n == u64::MAX { 0 } else { recurse(n + 1) + pad[(n % 64) as usize] }
}

impl Algo for Faulty {
    fn on_book(&mut self, book: &L2Book, _s: &AlgoState, _f: &OnlineFeatures, actions: &mut Actions) {
        self.id += 1;
        match unsafe { ConfigRegion::read() }.params[0] {
            1 => loop {
                core::hint::black_box(0);
            },
            2 => panic!("asked to"),
            3 => {
                core::hint::black_box(recurse(0));
            }
            4 => loop {
                log_info!("again {}", self.id);
            },
            5 => {
                actions.market_buy(self.id, 1_000_000);
            }
            6 => {
                actions.buy(self.id, -5, book.bids[0].px_1e9);
            }
            _ => {}
        }
    }
}

export_algo!(Faulty::default());
