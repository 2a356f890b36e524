//! SDK 0.4: tells what it is shown besides the book: NBBO, venue books, features, pools, chain fees and AMM states.
#![no_std]
use algo_sdk::*;
sequence_algo_entry!();

#[derive(Default)]
pub struct Look {
    books: u64,
}

impl Algo for Look {
    fn on_book(&mut self, _b: &L2Book, _s: &AlgoState, f: &OnlineFeatures, _a: &mut Actions) {
        self.books += 1;
        log_info!(
            "features {} micro {} ofi {} {} {} depth {} sign {}",
            f.version,
            f.microprice_1e9,
            f.ofi_1level_1e8,
            f.ofi_5level_1e8,
            f.mlofi_10_1e8,
            f.depth_imbalance_1e4,
            f.trade_sign_imbalance_1e6
        );
    }
    fn on_nbbo(
        &mut self,
        nbbo: &NbboSnapshot,
        books: &VenueBooks,
        state: &AlgoState,
        features: &OnlineFeatures,
        _a: &mut Actions,
    ) {
        let slot = nbbo.nbbo_ask_venue as usize;
        log_info!(
            "nbbo {} of {}: ask {} at {} region {}, symbol {} {} {}, micro {}",
            nbbo.sequence,
            nbbo.venue_ct,
            nbbo.nbbo_ask_px_1e9,
            nbbo.venue_ids[slot],
            nbbo.venue_region_ids[slot],
            nbbo.symbol_id,
            books.symbol_id,
            state.symbol_id,
            features.microprice_1e9
        );
        for slot in 0..books.book_ct as usize {
            let book = &books.books[slot];
            log_info!("venue {} region {}: {} x {}", books.venue_ids[slot], books.venue_region_ids[slot], book.asks[0].px_1e9, book.asks[0].sz_1e8);
        }
        let pools = unsafe { &*(POOL_BOOKS_WASM_OFFSET as *const PoolBooks) };
        let fees = unsafe { &*(CHAIN_FEE_TABLE_WASM_OFFSET as *const ChainFeeTable) };
        let states = unsafe { &*(POOL_STATE_TABLE_WASM_OFFSET as *const PoolStateTable) };
        for i in 0..pools.pool_ct as usize {
            let (meta, state) = (&pools.metas[i], &states.states[i]);
            log_info!(
                "pool {:x}{:x} fee {} venue {} protocol {} ask {} bid {} reserves {} {} fee {} of {}",
                meta.address[0],
                meta.address[19],
                meta.fee_bps,
                meta.venue_id,
                meta.protocol_id,
                pools.books[i].asks[0].px_1e9,
                pools.books[i].bids[0].px_1e9,
                state.reserve0(),
                state.reserve1(),
                state.fee_ppm,
                states.count
            );
        }
        for fee in fees.chains[..fees.chain_ct as usize].iter() {
            log_info!("chain {} base {} tip {} gas {} usd {}", fee.chain_id, fee.base_fee_native, fee.priority_fee_native, fee.estimated_gas_units, fee.gas_cost_usd_1e9());
        }
    }
}

export_algo!(Look::default());
