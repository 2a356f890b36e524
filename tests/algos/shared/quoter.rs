// One idea for three SDKs: a bid and an ask two dollars off the touch, moved when the touch moves, and every fifth
// book a market order against the position.
#[derive(Default)]
pub struct Quoter {
    last_id: u64,
    books: u64,
    wanted: [u64; 2],
    open: [u64; 2],
}

const STEP: u64 = 2_000_000_000;
const QTY: i64 = 500_000;

impl Quoter {
    fn book(&mut self, book: &L2Book, state: &AlgoState, actions: &mut Actions) {
        if book.bid_ct == 0 || book.ask_ct == 0 {
            return;
        }
        self.books += 1;
        let want = [book.bids[0].px_1e9 - STEP, book.asks[0].px_1e9 + STEP];
        for side in 0..2 {
            let open = self.open[side];
            let lives = state.orders[..state.order_ct as usize].iter().any(|o| o.order_id == open);
            if open != 0 && lives {
                if self.wanted[side] != want[side] {
                    actions.cancel(open);
                }
                continue;
            }
            self.last_id += 1;
            self.open[side] = self.last_id;
            self.wanted[side] = want[side];
            if side == 0 {
                actions.buy(self.last_id, QTY, want[0]);
            } else {
                actions.sell(self.last_id, QTY, want[1]);
            }
        }
        if self.books % 5 == 0 {
            self.last_id += 1;
            if state.position_1e8 > 0 {
                actions.ioc_sell(self.last_id, QTY, book.bids[0].px_1e9);
            } else {
                actions.ioc_buy(self.last_id, QTY, book.asks[0].px_1e9);
            }
        }
    }
    fn filled(&mut self, fill: &Fill, state: &AlgoState) {
        log_info!("fill {} at {} position {}", fill.order_id, fill.px_1e9, state.position_1e8);
    }
}
