//! Quotes one post-only bid and one post-only ask, a fixed distance around the mid.
#![no_std]
use algo_sdk::*;

sequence_algo_entry!(); // a panic handler that traps at once, and a 64 KiB bump allocator

/// Slots of the `[params]` table in Sequence.toml, in file order.
const SLOT_SIZE: usize = 0;
const SLOT_HALF_SPREAD_BPS: usize = 1;

#[derive(Default)]
struct Quoter {
    last_id: u64,
}

impl Quoter {
    /// Keep one order on `side` (1 buy, -1 sell) near `want`.
    fn quote(&mut self, side: i8, want: u64, size_1e8: i64, state: &AlgoState, actions: &mut Actions) {
        let mut present = false;
        for order in state.orders[..(state.order_ct as usize).min(MAX_ORDERS)].iter() {
            if order.side != side || order.status == Status::DEAD {
                continue;
            }
            if order.is_live() && order.px_1e9.abs_diff(want) > want / 10_000 {
                actions.cancel(order.order_id);
            }
            present = true; // replaced only after the cancel is confirmed
        }
        let qty = state.symbol.round_qty(size_1e8);
        if present || qty <= 0 || want == 0 {
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

impl Algo for Quoter {
    fn on_book(&mut self, book: &L2Book, state: &AlgoState, _features: &OnlineFeatures, actions: &mut Actions) {
        if book.best_bid().is_none() || book.best_ask().is_none() || book.is_crossed() {
            return;
        }
        // SAFETY: the host writes this region before the first callback, and only between callbacks.
        let config = unsafe { ConfigRegion::read() };
        let (mid, tick) = (book.mid_px_1e9(), state.symbol.tick_size_1e9.max(1));
        let half = mid / 10_000 * config.get_bps(SLOT_HALF_SPREAD_BPS).max(1) as u64;
        let size_1e8 = config.get_i64(SLOT_SIZE);
        self.quote(1, (mid - half) / tick * tick, size_1e8, state, actions);
        self.quote(-1, (mid + half + tick - 1) / tick * tick, size_1e8, state, actions);
    }

    fn on_reject(&mut self, reject: &Reject) {
        log_warn!("order {} rejected: {}", reject.order_id, reject.reason());
    }

    fn on_shutdown(&mut self, state: &AlgoState, actions: &mut Actions) {
        actions.cancel_all(state);
    }
}

export_algo!(Quoter::default());
