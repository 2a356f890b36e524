//! The quoting half: a post-only bid and ask one tick inside the touch, and a message for every fill.

use crate::message::Filled;
use algo_sdk::*;

const QTY_1E8: i64 = 50_000; // 0.0005 BTC a quote
const MAX_POSITION_1E8: i64 = 500_000; // 0.005 BTC
const REQUOTE_TICKS: u64 = 5;
const QUIET_NS: u64 = 1_000_000_000; // between two new orders of one side: within the order-rate limit in any market

#[derive(Default)]
pub struct Maker {
    last_id: u64,
    quiet_until_ns: [u64; 2], // bid, ask
}

impl Maker {
    pub fn on_book(&mut self, book: &L2Book, state: &AlgoState, actions: &mut Actions) {
        let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) else { return };
        if book.is_crossed() {
            return;
        }
        self.last_id = crate::hedger::highest_id(state).max(self.last_id);
        let tick = state.symbol.tick_size_1e9.max(1);
        let inside = if book.spread_1e9() > 2 * tick { tick } else { 0 };
        self.quote(1, bid.px_1e9 + inside, book.recv_ns, state, actions);
        self.quote(-1, ask.px_1e9 - inside, book.recv_ns, state, actions);
    }

    /// Keep one order on `side` near `want`, unless the position on that side is full.
    fn quote(&mut self, side: i8, want: u64, now_ns: u64, state: &AlgoState, actions: &mut Actions) {
        let tick = state.symbol.tick_size_1e9.max(1);
        let mut present = false;
        for o in state.orders[..(state.order_ct as usize).min(MAX_ORDERS)].iter() {
            if o.side != side || o.status == Status::DEAD {
                continue;
            }
            if o.is_live() && o.px_1e9.abs_diff(want) >= REQUOTE_TICKS * tick {
                actions.cancel(o.order_id);
            }
            present = true; // replaced only once the cancel is confirmed
        }
        let quiet_until_ns = &mut self.quiet_until_ns[(side < 0) as usize];
        if present || now_ns < *quiet_until_ns || state.position_1e8 * side as i64 + QTY_1E8 > MAX_POSITION_1E8 {
            return;
        }
        *quiet_until_ns = now_ns + QUIET_NS;
        self.last_id += 1;
        let qty = state.symbol.round_qty(QTY_1E8);
        if side > 0 {
            actions.post_only_buy(self.last_id, qty, want);
        } else {
            actions.post_only_sell(self.last_id, qty, want);
        }
    }

    pub fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        let filled = Filled { side: fill.side, qty_1e8: fill.qty_1e8.abs(), px_1e9: fill.px_1e9 };
        send("hedger", &filled.encode());
        log_info!("filled {} x {} at {}, position {}", filled.side, filled.qty_1e8, filled.px_1e9, state.position_1e8);
    }
}
