use super::*;
use algo_sdk::testing::{make_book, ActionSnapshot, AlgoHarness};

const TICK: u64 = 100_000_000; // 0.1
const BID: u64 = 78_318_000_000_000;
const ASK: u64 = 78_319_000_000_000;

fn harness() -> AlgoHarness<Maker> {
    let mut h = AlgoHarness::new(Maker::default());
    h.state.symbol.tick_size_1e9 = TICK;
    h.state.symbol.min_qty_1e8 = 5_000;
    h.set_book(make_book(BID, 100_000_000, ASK, 100_000_000));
    h
}

fn rest(h: &mut AlgoHarness<Maker>, id: u64, side: i8, px: u64) {
    let at = h.state.order_ct as usize;
    h.state.orders[at] = OpenOrder { order_id: id, px_1e9: px, qty_1e8: 100_000, side, status: Status::ACKED, ..OpenOrder::default() };
    h.state.order_ct += 1;
}

fn new_orders(a: &ActionSnapshot) -> Vec<(i8, u64, i64, u8)> {
    a.iter().filter(|x| x.is_cancel == ACTION_NEW).map(|x| (x.side, x.px_1e9, x.qty_1e8, x.order_type)).collect()
}

#[test]
fn quotes_one_tick_inside_a_wide_spread_post_only() {
    let a = harness().tick();
    assert_eq!(new_orders(&a), [(1, BID + TICK, 100_000, OrderType::POST_ONLY), (-1, ASK - TICK, 100_000, OrderType::POST_ONLY)]);
}

#[test]
fn joins_the_touch_when_there_is_no_room() {
    let mut h = harness();
    h.set_book(make_book(BID, 1, BID + TICK, 1));
    let a = h.tick();
    assert_eq!(new_orders(&a).iter().map(|o| o.1).collect::<Vec<_>>(), [BID, BID + TICK]);
}

#[test]
fn a_one_sided_or_crossed_book_is_left_alone() {
    let mut h = harness();
    h.set_book(make_book(BID, 1, 0, 0));
    h.tick().assert_empty();
    h.set_book(make_book(ASK, 1, BID, 1));
    h.tick().assert_empty();
}

#[test]
fn keeps_a_quote_that_is_near_and_moves_one_that_is_not() {
    let mut h = harness();
    rest(&mut h, 1, 1, BID + TICK);
    rest(&mut h, 2, -1, ASK - TICK);
    h.tick().assert_empty();
    h.set_book(make_book(BID + 10 * TICK, 1, ASK + 10 * TICK, 1));
    let a = h.tick();
    assert_eq!((a.cancel_count(), a.buy_count() + a.sell_count()), (2, 0), "replaced only once the cancel is confirmed");
}

#[test]
fn a_side_is_quoted_anew_only_after_a_while() {
    let mut h = harness();
    h.book.recv_ns = 1_000_000_000;
    assert_eq!(h.tick().len(), 2);
    h.book.recv_ns += QUIET_NS - 1;
    h.tick().assert_empty(); // both were filled or refused at once: not again in the same instant
    h.book.recv_ns += 1;
    assert_eq!(h.tick().len(), 2);
}

#[test]
fn a_cancel_never_waits() {
    let mut h = harness();
    h.book.recv_ns = 1_000_000_000;
    h.tick();
    rest(&mut h, 1, 1, BID - 10 * TICK);
    assert_eq!(h.tick().cancel_count(), 1);
}

#[test]
fn inventory_limits_size_and_side() {
    let mut h = harness();
    h.set_position(450_000, BID);
    let a = h.tick();
    assert_eq!(new_orders(&a).iter().map(|o| (o.0, o.2)).collect::<Vec<_>>(), [(1, 50_000), (-1, 100_000)]);
    h.set_position(500_000, BID);
    h.book.recv_ns += QUIET_NS;
    assert_eq!(new_orders(&h.tick()).iter().map(|o| o.0).collect::<Vec<_>>(), [-1]);
}

#[test]
fn a_full_inventory_pulls_the_quote_that_would_grow_it() {
    let mut h = harness();
    rest(&mut h, 7, 1, BID + TICK);
    h.set_position(500_000, BID);
    let a = h.tick();
    assert_eq!(a.iter().filter(|x| x.is_cancel == ACTION_CANCEL).map(|x| x.order_id).collect::<Vec<_>>(), [7]);
}

#[test]
fn ids_go_on_above_orders_that_outlived_a_restart() {
    let mut h = harness();
    rest(&mut h, 41, 1, BID + TICK);
    let a = h.tick();
    assert_eq!(a.iter().map(|x| x.order_id).collect::<Vec<_>>(), [42]);
}

#[test]
fn parameters_replace_the_defaults() {
    let mut config = ConfigRegion::default();
    config.params[SLOT_SIZE] = 2_000_000;
    let p = Params::from(&config);
    assert_eq!((p.size_1e8, p.inventory_1e8, p.requote_ticks), (2_000_000, 500_000, 5));
}

#[test]
fn shutdown_cancels_what_rests() {
    let mut h = harness();
    rest(&mut h, 1, 1, BID);
    assert_eq!(h.shutdown().cancel_count(), 1);
}
