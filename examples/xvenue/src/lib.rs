//! One algo, two instances on two venues: `maker` quotes, `hedger` takes the other side of every fill elsewhere.
//!
//! The same module runs in both places; the label that Sequence.toml gives an instance decides its role. When the
//! maker is filled it sends the fill to the hedger, which at once trades the opposite side with an IOC order and tells
//! the maker what it got, so that the maker never takes on more than is being hedged.
#![cfg_attr(target_arch = "wasm32", no_std)]
use algo_sdk::*;

mod hedger;
mod maker;
mod message;

use hedger::Hedger;
use maker::Maker;

sequence_algo_entry!(); // wasm32 only: a panic handler that traps at once, and a 64 KiB bump allocator

/// What this instance does. Unknown until the first callback, for the host writes the label before that.
pub enum XVenue {
    Unassigned,
    Maker(Maker),
    Hedger(Hedger),
    /// The label is neither `maker` nor `hedger`: it trades nothing.
    Idle,
}

impl XVenue {
    fn with_label(label: &str) -> Self {
        match label {
            "maker" => XVenue::Maker(Maker::default()),
            "hedger" => XVenue::Hedger(Hedger::default()),
            _ => {
                log_error!("label {} is neither maker nor hedger: this instance stays idle", label);
                XVenue::Idle
            }
        }
    }

    fn assigned(&mut self) -> &mut Self {
        if let XVenue::Unassigned = self {
            *self = Self::with_label(own_label());
        }
        self
    }
}

/// The instance's label from the mesh table, which the SDK keeps for its own use.
#[cfg(target_arch = "wasm32")]
fn own_label() -> &'static str {
    use algo_sdk::messaging::{MeshTable, MESH_TABLE_WASM_OFFSET};
    // SAFETY: the host writes the table before the first callback, and only between callbacks.
    unsafe { (*(MESH_TABLE_WASM_OFFSET as *const MeshTable)).self_label_str() }
}

#[cfg(not(target_arch = "wasm32"))]
fn own_label() -> &'static str {
    "" // native tests make the role they need
}

impl Algo for XVenue {
    fn on_book(&mut self, book: &L2Book, state: &AlgoState, _features: &OnlineFeatures, actions: &mut Actions) {
        match self.assigned() {
            XVenue::Maker(maker) => maker.on_book(book, state, actions),
            XVenue::Hedger(hedger) => hedger.on_book(book, state, actions),
            _ => {}
        }
    }

    fn on_message(&mut self, from: &str, payload: &[u8], state: &AlgoState, actions: &mut Actions) {
        match self.assigned() {
            XVenue::Maker(maker) => maker.on_message(from, payload),
            XVenue::Hedger(hedger) => hedger.on_message(from, payload, state, actions),
            _ => {}
        }
    }

    fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        match self.assigned() {
            XVenue::Maker(maker) => maker.on_fill(fill, state),
            XVenue::Hedger(hedger) => hedger.on_fill(fill, state),
            _ => {}
        }
    }

    fn on_reject(&mut self, reject: &Reject) {
        log_warn!("order {} rejected: {}", reject.order_id, reject.reason());
        if let XVenue::Hedger(hedger) = self.assigned() {
            hedger.on_reject();
        }
    }

    fn on_heartbeat(&mut self, state: &AlgoState, _features: &OnlineFeatures, actions: &mut Actions) {
        if let XVenue::Hedger(hedger) = self.assigned() {
            hedger.on_heartbeat(state, actions);
        }
    }

    fn on_shutdown(&mut self, state: &AlgoState, actions: &mut Actions) {
        actions.cancel_all(state);
    }
}

export_algo!(XVenue::Unassigned);

#[cfg(test)]
mod tests;
