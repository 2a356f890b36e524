//! A single-venue maker: one post-only bid and one post-only ask at the touch, within an inventory limit.
//!
//! Where the spread has room for both, the quotes go one tick inside it, so they are first in line; else they
//! join the queue. A quote is moved once the touch is `requote_ticks` away from it: cancelled at once, and placed
//! anew at most once a second, so that a market in a hurry does not run it into its order-rate limit.
#![cfg_attr(target_arch = "wasm32", no_std)]
use algo_sdk::*;

sequence_algo_entry!(); // wasm32 only: a panic handler that traps at once, and a 64 KiB bump allocator

/// Slots of the `[params]` table in Sequence.toml, in file order.
const SLOT_SIZE: usize = 0;
const SLOT_INVENTORY: usize = 1;
const SLOT_REQUOTE_TICKS: usize = 2;

const QUIET_NS: u64 = 1_000_000_000; // between two new orders of one side

#[derive(Clone, Copy)]
struct Params {
    size_1e8: i64,
    inventory_1e8: i64,
    requote_ticks: u64,
}

impl Params {
    /// What Sequence.toml says now. Read at every book, so `sequence deploy` with new values needs no restart.
    #[cfg(target_arch = "wasm32")]
    fn read() -> Self {
        // SAFETY: the host writes this region before the first callback, and only between callbacks.
        Self::from(unsafe { ConfigRegion::read() })
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn read() -> Self {
        Self::from(&ConfigRegion::default())
    }

    fn from(config: &ConfigRegion) -> Self {
        let or = |slot, default| if config.get_i64(slot) > 0 { config.get_i64(slot) } else { default };
        Params {
            size_1e8: or(SLOT_SIZE, 100_000),
            inventory_1e8: or(SLOT_INVENTORY, 500_000),
            requote_ticks: or(SLOT_REQUOTE_TICKS, 5) as u64,
        }
    }
}

#[derive(Default)]
pub struct Maker {
    last_id: u64,
    quiet_until_ns: [u64; 2], // bid, ask
}

impl Maker {
    /// Keep exactly one order on `side` (1 buy, -1 sell) near `want`: cancel what is too far, place what is missing.
    fn quote(&mut self, side: i8, want: u64, now_ns: u64, p: Params, state: &AlgoState, actions: &mut Actions) {
        let tick = state.symbol.tick_size_1e9.max(1);
        let room = p.inventory_1e8 - state.position_1e8 * side as i64;
        let mut present = false;
        for o in open_orders(state).filter(|o| o.side == side) {
            let moved = o.px_1e9.abs_diff(want) >= p.requote_ticks * tick;
            if o.is_live() && (moved || room <= 0) {
                actions.cancel(o.order_id);
            }
            present = true; // replaced only once the cancel is confirmed
        }
        let quiet_until_ns = &mut self.quiet_until_ns[(side < 0) as usize];
        let qty = state.symbol.round_qty(p.size_1e8.min(room));
        if present || now_ns < *quiet_until_ns || qty <= 0 || !state.symbol.check_min_qty(qty) || !state.symbol.check_notional(qty, want) {
            return;
        }
        *quiet_until_ns = now_ns + QUIET_NS;
        self.last_id += 1;
        if side > 0 {
            actions.post_only_buy(self.last_id, qty, want);
        } else {
            actions.post_only_sell(self.last_id, qty, want);
        }
    }
}

/// Orders that may still trade.
fn open_orders(state: &AlgoState) -> impl Iterator<Item = &OpenOrder> {
    let count = (state.order_ct as usize).min(MAX_ORDERS);
    state.orders[..count].iter().filter(|o| o.status != Status::DEAD)
}

impl Algo for Maker {
    fn on_book(&mut self, book: &L2Book, state: &AlgoState, _features: &OnlineFeatures, actions: &mut Actions) {
        let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask()) else { return };
        if book.is_crossed() {
            return;
        }
        // Orders that outlived a restart of the edge keep their ids: ours must go on above them.
        self.last_id = open_orders(state).map(|o| o.order_id).fold(self.last_id, u64::max);
        let p = Params::read();
        let tick = state.symbol.tick_size_1e9.max(1);
        // Room for two quotes that do not cross each other?
        let inside = if book.spread_1e9() > 2 * tick { tick } else { 0 };
        self.quote(1, bid.px_1e9 + inside, book.recv_ns, p, state, actions);
        self.quote(-1, ask.px_1e9 - inside, book.recv_ns, p, state, actions);
    }

    fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        let side = if fill.side > 0 { "bought" } else { "sold" };
        log_info!("{} {} at {}, position {}", side, fill.qty_1e8, fill.px_1e9, state.position_1e8);
    }

    fn on_reject(&mut self, reject: &Reject) {
        log_warn!("order {} rejected: {}", reject.order_id, reject.reason());
    }

    fn on_shutdown(&mut self, state: &AlgoState, actions: &mut Actions) {
        actions.cancel_all(state);
    }
}

export_algo!(Maker::default());

#[cfg(test)]
mod tests;
