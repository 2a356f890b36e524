// A multi-venue algo of SDK 0.3: tells what it sees of every NBBO; with two venues it buys once where the ask is best.
#[derive(Default)]
pub struct Look {
    sent: bool,
}

impl MultiVenueAlgo for Look {
    fn on_nbbo(&mut self, nbbo: &NbboSnapshot, books: &VenueBooks, state: &AlgoState, actions: &mut Actions) {
        let (bid, ask) = (nbbo.nbbo_bid_venue as usize, nbbo.nbbo_ask_venue as usize);
        log_info!(
            "nbbo {} of {}: bid {} x {} at {}, ask {} x {} at {}, age {}",
            nbbo.sequence,
            nbbo.venue_ct,
            nbbo.nbbo_bid_px_1e9 / 1_000_000_000,
            nbbo.nbbo_bid_sz_1e8,
            nbbo.venue_ids[bid],
            nbbo.nbbo_ask_px_1e9 / 1_000_000_000,
            nbbo.nbbo_ask_sz_1e8,
            nbbo.venue_ids[ask],
            nbbo.venue_update_ms[bid],
        );
        for slot in 0..books.book_ct as usize {
            let book = books.book_at_slot(slot);
            log_info!(
                "venue {} {}: {} {} {} {}",
                books.venue_ids[slot],
                nbbo.venue_ids[slot],
                book.bid_ct,
                book.bids[0].px_1e9 / 1_000_000_000,
                nbbo.venue_ask_px[slot] / 1_000_000_000,
                nbbo.venue_ask_sz[slot],
            );
        }
        log_info!(
            "merged {} {}: {} x {}, position {}",
            books.merged.bid_ct,
            books.merged.ask_ct,
            books.merged.bids[0].px_1e9 / 1_000_000_000,
            books.merged.bids[0].sz_1e8,
            state.position_1e8,
        );
        if !self.sent && nbbo.venue_ct > 1 {
            self.sent = actions.ioc_buy_on(nbbo.venue_ids[ask], 1, 1_000_000, nbbo.nbbo_ask_px_1e9);
        }
    }
    fn on_fill(&mut self, fill: &Fill, _s: &AlgoState) {
        log_info!("filled {} x {}", fill.px_1e9 / 1_000_000_000, fill.qty_1e8);
    }
    fn on_reject(&mut self, reject: &Reject) {
        log_warn!("rejected {}", reject.code);
    }
    fn on_shutdown(&mut self, _s: &AlgoState, _a: &mut Actions) {}
}

export_multi_venue_algo!(Look::default());
