//! The quoter on SDK 0.4.
#![no_std]
use algo_sdk::*;
sequence_algo_entry!();

include!("../../shared/quoter.rs");

impl Algo for Quoter {
    fn on_book(&mut self, book: &L2Book, state: &AlgoState, _f: &OnlineFeatures, actions: &mut Actions) {
        self.book(book, state, actions);
    }
    fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        self.filled(fill, state);
    }
    fn on_shutdown(&mut self, state: &AlgoState, actions: &mut Actions) {
        actions.cancel_all(state);
    }
}

export_algo!(Quoter::default());
