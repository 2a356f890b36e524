// How the quoter is fitted to an SDK before 0.4.
impl Algo for Quoter {
    fn on_book(&mut self, book: &L2Book, state: &AlgoState, actions: &mut Actions) {
        self.book(book, state, actions);
    }
    fn on_fill(&mut self, fill: &Fill, state: &AlgoState) {
        self.filled(fill, state);
    }
    fn on_reject(&mut self, _r: &Reject) {}
    fn on_shutdown(&mut self, state: &AlgoState, actions: &mut Actions) {
        actions.cancel_all(state);
    }
}

export_algo!(Quoter::default());
