//! The hedging half: keeps what the maker did and what it has traded itself at a sum of zero.

use crate::message::Filled;
use algo_sdk::*;

const SLIPPAGE_BPS: u64 = 10; // how far through the touch an IOC may go

/// The highest id among the open orders: after a restart of the edge, new ids must go on above it.
pub fn highest_id(state: &AlgoState) -> u64 {
    state.orders[..(state.order_ct as usize).min(MAX_ORDERS)].iter().map(|o| o.order_id).max().unwrap_or(0)
}

#[derive(Default)]
pub struct Hedger {
    last_id: u64,
    bid: u64,
    ask: u64,
    /// Signed quantity still to trade: the maker bought 3, so this is -3 until we have sold 3.
    owed_1e8: i64,
    /// A hedge was refused: wait for the next heartbeat instead of trying at every book.
    refused: bool,
}

impl Hedger {
    #[cfg(test)]
    pub fn owed(&self) -> i64 {
        self.owed_1e8
    }

    pub fn on_book(&mut self, book: &L2Book, state: &AlgoState, actions: &mut Actions) {
        self.bid = book.best_bid().map_or(0, |level| level.px_1e9);
        self.ask = book.best_ask().map_or(0, |level| level.px_1e9);
        self.hedge(state, actions); // what an earlier IOC left over, or what came before there was a book
    }

    pub fn on_message(&mut self, from: &str, payload: &[u8], state: &AlgoState, actions: &mut Actions) {
        match Filled::decode(payload) {
            Some(filled) if from == "maker" => {
                self.owed_1e8 -= filled.signed_1e8();
                self.hedge(state, actions);
            }
            _ => log_warn!("ignored a message of {} bytes from {}", payload.len(), from),
        }
    }

    pub fn on_fill(&mut self, fill: &Fill, _state: &AlgoState) {
        let hedge = Filled::of(fill);
        self.owed_1e8 -= hedge.signed_1e8();
        send("maker", &hedge.encode()); // it takes on no more than we keep up with
        log_info!("hedged {} x {} at {}, {} left", fill.side, fill.qty_1e8, fill.px_1e9, self.owed_1e8);
    }

    pub fn on_reject(&mut self) {
        self.refused = true;
    }

    /// Once a second.
    pub fn on_heartbeat(&mut self, state: &AlgoState, actions: &mut Actions) {
        self.refused = false;
        self.hedge(state, actions);
    }

    /// One IOC at a time for all that is owed; an order in flight must end before the next.
    fn hedge(&mut self, state: &AlgoState, actions: &mut Actions) {
        let buy = self.owed_1e8 > 0;
        let touch = if buy { self.ask } else { self.bid };
        let qty = state.symbol.round_qty(self.owed_1e8.abs());
        let too_small = !state.symbol.check_min_qty(qty) || !state.symbol.check_notional(qty, touch);
        if qty == 0 || touch == 0 || state.order_ct > 0 || too_small || self.refused {
            return;
        }
        self.last_id = highest_id(state).max(self.last_id) + 1;
        let slip = touch / 10_000 * SLIPPAGE_BPS;
        if buy {
            let tick = state.symbol.tick_size_1e9.max(1);
            actions.ioc_buy(self.last_id, qty, (touch + slip + tick - 1) / tick * tick);
        } else {
            actions.ioc_sell(self.last_id, qty, state.symbol.round_px(touch - slip));
        }
    }
}
