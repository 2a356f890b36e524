//! The quoting half: a post-only bid and ask one tick inside the touch, and a message for every fill.
//!
//! The hedger answers with its own fills, so the maker knows what is still unhedged and takes on only so much of it:
//! when the hedger is away or cannot trade, quoting ends on the side that would make it worse.

use crate::message::Filled;
use algo_sdk::*;

const QTY_1E8: i64 = 50_000; // 0.0005 BTC a quote
const MAX_POSITION_1E8: i64 = 500_000; // 0.005 BTC
const MAX_UNHEDGED_1E8: i64 = 200_000; // 0.002 BTC: four quotes that the hedger has not traded yet
const REQUOTE_TICKS: u64 = 5;
const QUIET_NS: u64 = 1_000_000_000; // between two new orders of one side: within the order-rate limit in any market

#[derive(Default)]
pub struct Maker {
    last_id: u64,
    quiet_until_ns: [u64; 2], // bid, ask
    /// Signed quantity that we have traded and the hedger has not: bought 3 and it sold 2, so 1.
    unhedged_1e8: i64,
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
        let full = |held_1e8: i64, limit_1e8: i64| held_1e8 * side as i64 + QTY_1E8 > limit_1e8;
        let limited = full(state.position_1e8, MAX_POSITION_1E8) || full(self.unhedged_1e8, MAX_UNHEDGED_1E8);
        if present || now_ns < *quiet_until_ns || limited {
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
        let filled = Filled::of(fill);
        self.unhedged_1e8 += filled.signed_1e8();
        send("hedger", &filled.encode());
        log_info!("filled {} x {} at {}, position {}", filled.side, filled.qty_1e8, filled.px_1e9, state.position_1e8);
    }

    pub fn on_message(&mut self, from: &str, payload: &[u8]) {
        match Filled::decode(payload) {
            Some(hedge) if from == "hedger" => {
                self.unhedged_1e8 += hedge.signed_1e8();
                log_info!("{} hedged at {}, {} unhedged", hedge.qty_1e8, hedge.px_1e9, self.unhedged_1e8);
            }
            _ => log_warn!("ignored a message of {} bytes from {}", payload.len(), from),
        }
    }
}
