//! Quotes one post-only bid and ask around the mid; slot 0 (bps) is the half spread, slot 1 the size.
#![no_std]
use algo_sdk::*;
sequence_algo_entry!();

#[derive(Default)]
pub struct Maker {
    last_id: u64,
    seen_seq: u16,
}

impl Maker {
    fn quote(&mut self, side: i8, want: u64, qty: i64, state: &AlgoState, actions: &mut Actions) {
        let mut present = false;
        for o in state.orders[..(state.order_ct as usize).min(MAX_ORDERS)].iter() {
            if o.side != side || o.status == Status::DEAD {
                continue;
            }
            if o.is_live() && o.px_1e9.abs_diff(want) > want / 10_000 {
                actions.cancel(o.order_id);
            }
            present = true;
        }
        if present || want == 0 {
            return;
        }
        self.last_id += 1;
        if side > 0 {
            actions.post_only_buy(self.last_id, qty, want);
        } else {
            actions.post_only_sell(self.last_id, qty, want);
        }
    }
}

impl Algo for Maker {
    fn on_book(&mut self, book: &L2Book, state: &AlgoState, _f: &OnlineFeatures, actions: &mut Actions) {
        if book.best_bid().is_none() || book.best_ask().is_none() || book.is_crossed() {
            return;
        }
        let config = unsafe { ConfigRegion::read() };
        if config.update_seq != self.seen_seq {
            self.seen_seq = config.update_seq;
            log_info!("config {} half spread {}", config.update_seq, config.params[0]);
        }
        let (mid, tick) = (book.mid_px_1e9(), state.symbol.tick_size_1e9.max(1));
        let half = mid / 10_000 * (config.params[0].max(0) as u64);
        let qty = state.symbol.round_qty(if config.params[1] > 0 { config.params[1] } else { 1_000_000 });
        self.quote(1, (mid - half) / tick * tick, qty, state, actions);
        self.quote(-1, (mid + half + tick - 1) / tick * tick, qty, state, actions);
    }
    fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        log_info!("fill {} qty {} position {}", fill.order_id, fill.qty_1e8, state.position_1e8);
    }
    fn on_reject(&mut self, reject: &Reject) {
        log_warn!("order {} rejected: {}", reject.order_id, reject.reason());
    }
    fn on_shutdown(&mut self, state: &AlgoState, actions: &mut Actions) {
        log_info!("shutdown with {} orders", state.order_ct);
        actions.cancel_all(state);
    }
}

export_algo!(Maker::default());
