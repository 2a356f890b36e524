//! Sends one intent per configuration: slots are venue id, quantity, policy, time in ms, limit beyond the touch in bps.
//! A negative quantity sells. The intent's id is the number of the configuration.
#![no_std]
use algo_sdk::*;
sequence_algo_entry!();

#[derive(Default)]
pub struct Asker {
    seen_seq: u16,
}

impl Algo for Asker {
    fn on_book(&mut self, book: &L2Book, _s: &AlgoState, _f: &OnlineFeatures, actions: &mut Actions) {
        let config = unsafe { ConfigRegion::read() };
        if config.update_seq == self.seen_seq || book.best_bid().is_none() || book.best_ask().is_none() {
            return;
        }
        self.seen_seq = config.update_seq;
        let [venue, qty, policy, ttl, beyond] =
            [config.params[0], config.params[1], config.params[2], config.params[3], config.params[4]];
        let side: i64 = if qty < 0 { -1 } else { 1 };
        let touch = if side > 0 { book.asks[0].px_1e9 } else { book.bids[0].px_1e9 } as i64;
        let limit = touch + side * (touch / 10_000) * beyond;
        let id = u64::from(config.update_seq);
        actions.intent(id, venue as u8, side as i8, qty.abs(), limit as u64, policy as u8, ttl as u16);
        log_info!("asked {}", id);
    }
    fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        log_info!("fill {} qty {} here {}", fill.order_id, fill.qty_1e8, state.position_1e8);
    }
    fn on_reject(&mut self, reject: &Reject) {
        log_warn!("intent {} rejected: {}", reject.order_id, reject.code);
    }
}

export_algo!(Asker::default());
