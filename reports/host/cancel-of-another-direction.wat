;; Wasmtime 50.0.1: `stream.cancel-read` of a writable end cancels its write
;;
;; The rule, `cancel_copy` of the specification: `cancel-read` traps if its end is not readable, and
;; `cancel-write` if it is not writable.
;;
;; Wasmtime 50.0.1: an end that copies has no direction any more (`guest_cancel_read` and
;; `guest_cancel_write` in `runtime/component/concurrent/futures_and_streams.rs`, lines 4260 to 4302), so
;; that the copy of the other direction is cancelled. An end that does not copy traps, as it should.
;;
;; The shortest sequence: `stream.new`, `stream.write` (BLOCKED), `stream.cancel-read` of the same end.
;;
;; `run(0)`: as above, and it returns instead of trapping. `run(1)`: without the write it traps. To run
;; it: `tests/conform/test_host_bugs.py`.
(component
  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (core module $Code
    (import "" "new" (func $new (result i64)))
    (import "" "write" (func $write (param i32 i32 i32) (result i32)))
    (import "" "cancel-read" (func $cancel-read (param i32) (result i32)))
    (import "" "task-return" (func $task-return))
    (func (export "run") (param $idle i32) (result i32)
      (local $writer i32)
      (local.set $writer (i32.wrap_i64 (i64.shr_u (call $new) (i64.const 32))))
      (if (i32.eqz (local.get $idle)) (then
        (drop (call $write (local.get $writer) (i32.const 64) (i32.const 1)))))
      (drop (call $cancel-read (local.get $writer)))
      (call $task-return)
      (i32.const 0))
    (func (export "callback") (param i32 i32 i32) (result i32) (unreachable)))
  (type $stream (stream u8))
  (core func $new (canon stream.new $stream))
  (core func $write
    (canon stream.write $stream async (memory (core memory $memory "memory"))))
  (core func $cancel-read (canon stream.cancel-read $stream))
  (core func $task-return (canon task.return))
  (core instance $code (instantiate $Code (with "" (instance
    (export "new" (func $new))
    (export "write" (func $write))
    (export "cancel-read" (func $cancel-read))
    (export "task-return" (func $task-return))))))
  (func (export "run") async (param "idle" u32)
    (canon lift (core func $code "run") async (callback (core func $code "callback")))))
