//! On each heartbeat sends a counter to every peer; logs what it hears and answers "ping" with "pong".
#![no_std]
use algo_sdk::*;
sequence_algo_entry!();

#[derive(Default)]
pub struct Pair {
    beats: u64,
    heard: u64,
}

impl Algo for Pair {
    fn on_book(&mut self, _b: &L2Book, _s: &AlgoState, _f: &OnlineFeatures, _a: &mut Actions) {}
    fn on_heartbeat(&mut self, _s: &AlgoState, _f: &OnlineFeatures, _a: &mut Actions) {
        self.beats += 1;
        let payload = self.beats.to_le_bytes();
        send("left", &payload);
        send("right", &payload);
    }
    fn on_message(&mut self, from: &str, payload: &[u8], _s: &AlgoState, _a: &mut Actions) {
        self.heard += 1;
        log_info!("heard {} from {} bytes {}", self.heard, from, payload.len());
        if payload == b"ping" {
            send(from, b"pong");
        }
    }
}

export_algo!(Pair::default());
