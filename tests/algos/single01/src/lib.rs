//! SDK 0.1: buys once at the touch, then logs its fill.
#![no_std]
extern crate alloc;
use algo_sdk::*;

include!("../../shared/alone.rs");

#[derive(Default)]
pub struct Once {
    sent: bool,
}

impl Algo for Once {
    fn on_book(&mut self, book: &L2Book, _s: &AlgoState, actions: &mut Actions) {
        if !self.sent && book.ask_ct > 0 {
            self.sent = actions.ioc_buy(1, 1_000_000, book.asks[0].px_1e9);
        }
    }
    fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        log_info!("filled {} now {}", fill.order_id, state.position_1e8);
    }
    fn on_reject(&mut self, _r: &Reject) {}
    fn on_shutdown(&mut self, state: &AlgoState, actions: &mut Actions) {
        actions.cancel_all(state);
    }
}

export_algo!(Once::default());
