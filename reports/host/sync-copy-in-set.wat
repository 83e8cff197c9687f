;; Wasmtime 50.0.1: a synchronous read of an end that is in a waitable set returns
;;
;; The rule, `stream_copy` and `future_copy` of the specification: a synchronous read or write traps if
;; the end is in a waitable set, before anything is copied.
;;
;; Wasmtime 50.0.1 looks at the set only where the call has to wait (`wait_for_event` in
;; `runtime/component/concurrent.rs`, line 2450). So whether such a call traps depends on what the other
;; side has done meanwhile. `stream.cancel-read` and its kin trap, as they should.
;;
;; The shortest sequence:
;;   1. a stream is made, and its readable end joins a set;
;;   2. a write blocks, so that an item is there;
;;   3. a synchronous read of the readable end: it gives the item.
;;
;; `run(0)`: as above; it returns instead of trapping. `run(1)`: without step 2 the read would wait, and
;; traps. To run it: `tests/conform/test_host_bugs.py`.
(component
  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (type $stream (stream u8))
  (core func $set-new (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $new (canon stream.new $stream))
  (core func $read (canon stream.read $stream (memory (core memory $memory "memory"))))
  (core func $write (canon stream.write $stream async (memory (core memory $memory "memory"))))
  (core module $Code
    (import "" "set-new" (func $set-new (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "new" (func $new (result i64)))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "" "write" (func $write (param i32 i32 i32) (result i32)))
    (func (export "run") (param $waits i32)
      (local $ends i64) (local $reader i32)
      (local.set $ends (call $new))
      (local.set $reader (i32.wrap_i64 (local.get $ends)))
      (call $join (local.get $reader) (call $set-new))
      (if (i32.eqz (local.get $waits))
        (then
          (drop (call $write
            (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32)))
            (i32.const 0) (i32.const 1)))))
      ;; 16: one item, COMPLETED
      (if (i32.ne
            (call $read (local.get $reader) (i32.const 16) (i32.const 1))
            (i32.const 16))
        (then (unreachable)))))
  (core instance $code (instantiate $Code (with "" (instance
    (export "set-new" (func $set-new)) (export "join" (func $join)) (export "new" (func $new))
    (export "read" (func $read)) (export "write" (func $write))))))
  (func (export "run") async (param "waits" u32) (canon lift (core func $code "run"))))
