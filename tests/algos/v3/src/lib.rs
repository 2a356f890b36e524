//! SDK 0.3 with features: buys once when the microprice is known.
#![no_std]
use algo_sdk::*;

include!("../../shared/alone.rs");

#[derive(Default)]
pub struct Once {
    sent: bool,
}

impl AlgoV3 for Once {
    fn on_book(&mut self, book: &L2Book, _s: &AlgoState, features: &OnlineFeatures, actions: &mut Actions) {
        if !self.sent && features.microprice_1e9 > 0 {
            self.sent = actions.ioc_buy(1, 1_000_000, book.asks[0].px_1e9);
        }
    }
    fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        log_info!("filled {} now {}", fill.order_id, state.position_1e8);
    }
    fn on_reject(&mut self, _r: &Reject) {}
    fn on_shutdown(&mut self, _s: &AlgoState, _a: &mut Actions) {}
}

export_algo_v3!(Once::default());
