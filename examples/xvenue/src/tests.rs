use super::*;
use crate::message::Filled;
use algo_sdk::testing::{make_book, make_fill, make_reject, AlgoHarness};

const TICK: u64 = 10_000_000; // 0.01
const BID: u64 = 78_318_000_000_000;
const ASK: u64 = 78_319_000_000_000;

fn harness(label: &str) -> AlgoHarness<XVenue> {
    let mut h = AlgoHarness::new(XVenue::with_label(label));
    h.state.symbol.tick_size_1e9 = TICK;
    h.set_book(make_book(BID, 100_000_000, ASK, 100_000_000));
    h
}

fn message(h: &mut AlgoHarness<XVenue>, from: &str, payload: &[u8]) -> Vec<(i8, i64, u64, u8)> {
    let mut actions = Actions::new();
    h.algo.on_message(from, payload, &h.state, &mut actions);
    actions.iter().map(|a| (a.side, a.qty_1e8, a.px_1e9, a.order_type)).collect()
}

fn owed(h: &AlgoHarness<XVenue>) -> i64 {
    match &h.algo {
        XVenue::Hedger(hedger) => hedger.owed(),
        _ => panic!("not a hedger"),
    }
}

const BOUGHT: Filled = Filled { side: 1, qty_1e8: 50_000, px_1e9: BID };

#[test]
fn a_message_survives_the_wire_and_garbage_does_not_become_one() {
    assert_eq!(Filled::decode(&BOUGHT.encode()), Some(BOUGHT));
    let sold = Filled { side: -1, ..BOUGHT };
    assert_eq!(Filled::decode(&sold.encode()), Some(sold));
    for bad in [Filled { side: 0, ..BOUGHT }, Filled { qty_1e8: 0, ..BOUGHT }, Filled { qty_1e8: i64::MIN, ..BOUGHT }] {
        assert_eq!(Filled::decode(&bad.encode()), None);
    }
    assert_eq!(Filled::decode(&BOUGHT.encode()[..16]), None);
    assert_eq!(Filled::decode(&[0; 256]), None);
}

#[test]
fn the_maker_quotes_both_sides_and_the_hedger_none() {
    let a = harness("maker").tick();
    assert_eq!((a.buy_count(), a.sell_count()), (1, 1));
    harness("hedger").tick().assert_empty();
}

#[test]
fn the_maker_takes_on_only_so_much_that_is_not_hedged() {
    let mut h = harness("maker");
    for id in 1..=4 {
        h.fill(make_fill(id, BID, 50_000, 1));
    }
    let a = h.tick();
    assert_eq!((a.buy_count(), a.sell_count()), (0, 1), "selling would make it better");
    let hedge = Filled { side: -1, qty_1e8: 50_000, px_1e9: BID };
    assert_eq!(message(&mut h, "hedger", &hedge.encode()), []);
    assert_eq!(h.tick().buy_count(), 1);
}

#[test]
fn the_maker_believes_only_the_hedger() {
    let mut h = harness("maker");
    for id in 1..=4 {
        h.fill(make_fill(id, BID, 50_000, 1));
    }
    message(&mut h, "stranger", &Filled { side: -1, ..BOUGHT }.encode());
    message(&mut h, "hedger", b"sold!");
    assert_eq!(h.tick().buy_count(), 0);
}

#[test]
fn an_unknown_label_stays_idle() {
    let mut h = harness("other");
    h.tick().assert_empty();
    assert_eq!(message(&mut h, "maker", &BOUGHT.encode()), []);
}

#[test]
fn a_fill_of_the_maker_is_hedged_at_once_with_an_ioc_on_the_other_side() {
    let mut h = harness("hedger");
    h.tick();
    let sell = message(&mut h, "maker", &BOUGHT.encode());
    assert_eq!(sell, [(-1, 50_000, (BID - BID / 1_000) / TICK * TICK, OrderType::IOC)]);
    assert_eq!(owed(&h), -50_000, "owed until it is filled, not until it is sent");
}

#[test]
fn what_an_ioc_leaves_over_is_sent_again() {
    let mut h = harness("hedger");
    h.tick();
    message(&mut h, "maker", &BOUGHT.encode());
    h.fill(make_fill(1, BID, 20_000, -1));
    assert_eq!(owed(&h), -30_000);
    let again = h.tick();
    assert_eq!(again.iter().map(|a| (a.side, a.qty_1e8)).collect::<Vec<_>>(), [(-1, 30_000)]);
    h.fill(make_fill(2, BID, 30_000, -1));
    h.tick().assert_empty();
}

#[test]
fn only_one_hedge_is_in_flight() {
    let mut h = harness("hedger");
    h.tick();
    h.state.order_ct = 1;
    h.state.orders[0].order_id = 9;
    assert_eq!(message(&mut h, "maker", &BOUGHT.encode()), []);
    h.state.order_ct = 0;
    assert_eq!(h.tick().len(), 1);
}

#[test]
fn a_message_before_the_first_book_waits_for_it() {
    let mut h = harness("hedger");
    assert_eq!(message(&mut h, "maker", &BOUGHT.encode()), []);
    assert_eq!(h.tick().sell_count(), 1);
}

#[test]
fn a_refused_hedge_is_tried_again_at_the_next_heartbeat_only() {
    let mut h = harness("hedger");
    h.tick();
    message(&mut h, "maker", &BOUGHT.encode());
    h.reject(make_reject(1, 100));
    h.tick().assert_empty();
    let mut actions = Actions::new();
    h.algo.on_heartbeat(&h.state, &OnlineFeatures::default(), &mut actions);
    assert_eq!(actions.len(), 1);
}

#[test]
fn opposite_fills_cancel_out() {
    let mut h = harness("hedger");
    message(&mut h, "maker", &BOUGHT.encode());
    message(&mut h, "maker", &Filled { side: -1, ..BOUGHT }.encode());
    h.tick().assert_empty();
}

#[test]
fn only_the_maker_is_believed() {
    let mut h = harness("hedger");
    h.tick();
    assert_eq!(message(&mut h, "stranger", &BOUGHT.encode()), []);
    assert_eq!(message(&mut h, "maker", b"buy!"), []);
    assert_eq!(owed(&h), 0);
}
