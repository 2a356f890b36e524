//! Quotes one post-only bid and one post-only ask around the mid.
#![cfg_attr(target_arch = "wasm32", no_std)]
use algo_sdk::*;

sequence_algo_entry!(); // wasm32 only: a panic handler that traps at once, and a 64 KiB bump allocator

const HALF_SPREAD_BPS: u64 = 1;
const REQUOTE_BPS: u64 = 1;
const QTY_1E8: i64 = 100_000; // 0.001
const MAX_POSITION_1E8: i64 = 1_000_000; // 0.01

#[derive(Default)]
pub struct MyAlgo {
    last_id: u64,
}

impl MyAlgo {
    /// Keep an order on `side` near `want`; cancel what drifted, place what is missing.
    fn quote(&mut self, side: i8, want: u64, state: &AlgoState, actions: &mut Actions) {
        let mut present = false;
        for o in state.orders[..(state.order_ct as usize).min(MAX_ORDERS)].iter() {
            if o.side != side || o.status == Status::DEAD {
                continue;
            }
            if o.is_live() && o.px_1e9.abs_diff(want) > want / 10_000 * REQUOTE_BPS {
                actions.cancel(o.order_id);
            }
            present = true; // replaced only after the cancel is confirmed
        }
        let room = state.position_1e8 * (side as i64) < MAX_POSITION_1E8;
        if present || !room || want == 0 {
            return;
        }
        self.last_id += 1;
        let qty = state.symbol.round_qty(QTY_1E8);
        if side > 0 {
            actions.post_only_buy(self.last_id, qty, want);
        } else {
            actions.post_only_sell(self.last_id, qty, want);
        }
    }
}

impl Algo for MyAlgo {
    fn on_book(&mut self, book: &L2Book, state: &AlgoState, _features: &OnlineFeatures, actions: &mut Actions) {
        if book.best_bid().is_none() || book.best_ask().is_none() || book.is_crossed() {
            return;
        }
        let (mid, tick) = (book.mid_px_1e9(), state.symbol.tick_size_1e9.max(1));
        let half = mid / 10_000 * HALF_SPREAD_BPS;
        self.quote(1, (mid - half) / tick * tick, state, actions);
        self.quote(-1, (mid + half + tick - 1) / tick * tick, state, actions);
    }

    fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        log_info!("order {} filled {} at {}, position {}", fill.order_id, fill.qty_1e8, fill.px_1e9, state.position_1e8);
    }

    fn on_reject(&mut self, reject: &Reject) {
        log_warn!("order {} rejected: {}", reject.order_id, reject.reason());
    }

    fn on_shutdown(&mut self, state: &AlgoState, actions: &mut Actions) {
        actions.cancel_all(state);
    }
}

export_algo!(MyAlgo::default());

#[cfg(test)]
#[test]
fn quotes_both_sides() {
    use algo_sdk::testing::{make_book, AlgoHarness};
    let mut h = AlgoHarness::new(MyAlgo::default());
    h.tick().assert_empty();
    h.set_book(make_book(99_900_000_000, 100_000_000, 100_100_000_000, 100_000_000));
    let a = h.tick();
    assert_eq!((a.buy_count(), a.sell_count(), a.cancel_count()), (1, 1, 0));
}
