;; The smallest algo of SDK 0.4 that every check accepts: it never trades.
(module
  (memory (export "memory") 17)
  (global $stack (mut i32) (i32.const 0x100000))
  (func (export "algo_alloc") (param i32) (result i32) (i32.const 0x100000))
  (func (export "algo_on_book_v3") (param i32 i32) (result i32) (i32.const 0))
  (func (export "algo_on_nbbo") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "algo_on_heartbeat") (param i32) (result i32) (i32.const 0))
  (func (export "algo_on_message") (param i64 i32 i32 i32) (result i32) (i32.const 0))
  (func (export "algo_on_fill") (param i32 i32))
  (func (export "algo_on_reject") (param i32))
  (func (export "algo_on_shutdown") (param i32) (result i32) (i32.const 0)))
