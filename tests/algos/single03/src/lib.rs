//! SDK 0.3: buys once at the touch, then logs its fill.
#![no_std]
use algo_sdk::*;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

struct Bump;
static mut ARENA: [u8; 65536] = [0; 65536];
static mut USED: usize = 0;
unsafe impl core::alloc::GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: core::alloc::Layout) -> *mut u8 {
        let base = core::ptr::addr_of_mut!(ARENA) as *mut u8;
        let start = (base as usize + USED + layout.align() - 1) / layout.align() * layout.align() - base as usize;
        if start + layout.size() > 65536 {
            return core::ptr::null_mut();
        }
        USED = start + layout.size();
        base.add(start)
    }
    unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {}
}
#[global_allocator]
static HEAP: Bump = Bump;

#[derive(Default)]
pub struct Once {
    sent: bool,
}

impl Algo for Once {
    fn on_book(&mut self, book: &L2Book, _s: &AlgoState, actions: &mut Actions) {
        if !self.sent && book.ask_ct > 0 {
            self.sent = actions.ioc_buy(1, 1_000_000, book.asks[0].px_1e9);
        }
    }
    fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        log_info!("filled {} now {}", fill.order_id, state.position_1e8);
    }
    fn on_reject(&mut self, _r: &Reject) {}
    fn on_shutdown(&mut self, state: &AlgoState, actions: &mut Actions) {
        actions.cancel_all(state);
    }
}

export_algo!(Once::default());
