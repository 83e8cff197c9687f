;; Wasmtime 50.0.1: another export starts before a cancellation that is pending is delivered
;;
;; The rule, the callback loop of `canon_lift` of the specification: where a callback, or the function that
;; came before it, returns WAIT or YIELD with a cancellation pending, the callback is called with
;; TASK_CANCELLED at once, and the exclusive lock of the instance is kept.
;;
;; Wasmtime 50.0.1 gives the lock up first (`runtime/component/concurrent.rs`, line 1020), and queues the
;; callback (lines 2812 to 2853), so that a call which waits for the lock starts before it.
;;
;; The shortest sequence:
;;   1. `$Main` calls an export of `$Callee`, which reads a future synchronously, and waits;
;;   2. `$Main` cancels the call asynchronously: BLOCKED;
;;   3. `$Main` calls another export of `$Callee`: STARTING, as the first one has the lock;
;;   4. the future is written, and the first export returns YIELD.
;;
;; `run(0)`: as above; the other export starts before the callback of the first one, which then divides by
;; zero. `run(1)`: with WAIT in the place of YIELD. `run(2)`: without step 3, and all is well. To run it:
;; `tests/conform/test_host_bugs.py`.
(component
  (component $Callee
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (type $future (future u8))
    (core func $new (canon future.new $future))
    (core func $read (canon future.read $future (memory (core memory $memory "memory"))))
    (core func $write (canon future.write $future async (memory (core memory $memory "memory"))))
    (core func $set-new (canon waitable-set.new))
    (core func $task-cancel (canon task.cancel))
    (core func $task-return (canon task.return))
    (core module $Code
      (import "" "new" (func $new (result i64)))
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (import "" "write" (func $write (param i32 i32) (result i32)))
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "task-cancel" (func $task-cancel))
      (import "" "task-return" (func $task-return))
      (global $ends (mut i64) (i64.const 0))
      (global $started (mut i32) (i32.const 0))
      (func (export "work") (param $waits i32) (result i32)
        (global.set $ends (call $new))
        (drop (call $read (i32.wrap_i64 (global.get $ends)) (i32.const 16)))
        ;; 1: YIELD, 2: WAIT
        (if (i32.eqz (local.get $waits)) (then (return (i32.const 1))))
        (i32.or (i32.const 2) (i32.shl (call $set-new) (i32.const 4))))
      (func (export "work-callback") (param $event i32) (param i32 i32) (result i32)
        ;; 6: TASK_CANCELLED
        (if (i32.ne (local.get $event) (i32.const 6)) (then (unreachable)))
        (if (global.get $started) (then (drop (i32.div_u (i32.const 1) (i32.const 0)))))
        (call $task-cancel)
        (i32.const 0))
      (func (export "other") (result i32)
        (global.set $started (i32.const 1))
        (call $task-return)
        (i32.const 0))
      (func (export "other-callback") (param i32 i32 i32) (result i32) (unreachable))
      (func (export "writes")
        ;; 0: COMPLETED
        (if (call $write
              (i32.wrap_i64 (i64.shr_u (global.get $ends) (i64.const 32))) (i32.const 0))
          (then (unreachable)))))
    (core instance $code (instantiate $Code (with "" (instance
      (export "new" (func $new)) (export "read" (func $read)) (export "write" (func $write))
      (export "set-new" (func $set-new)) (export "task-cancel" (func $task-cancel))
      (export "task-return" (func $task-return))))))
    (func (export "work") async (param "waits" bool)
      (canon lift (core func $code "work") async (callback (core func $code "work-callback"))))
    (func (export "other") async
      (canon lift (core func $code "other") async (callback (core func $code "other-callback"))))
    (func (export "writes") (canon lift (core func $code "writes"))))
  (instance $callee (instantiate $Callee))

  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (core func $work (canon lower (func $callee "work") async))
  (core func $other (canon lower (func $callee "other") async))
  (core func $writes (canon lower (func $callee "writes")))
  (core func $cancel (canon subtask.cancel async))
  (core func $set-new (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $wait (canon waitable-set.wait (memory (core memory $memory "memory"))))
  (core module $Main
    (import "" "work" (func $work (param i32) (result i32)))
    (import "" "other" (func $other (result i32)))
    (import "" "writes" (func $writes))
    (import "" "cancel" (func $cancel (param i32) (result i32)))
    (import "" "set-new" (func $set-new (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "wait" (func $wait (param i32 i32) (result i32)))
    (func (export "run") (param $how i32)
      (local $subtask i32) (local $set i32)
      (local.set $subtask
        (i32.shr_u (call $work (i32.eq (local.get $how) (i32.const 1))) (i32.const 4)))
      ;; -1: BLOCKED
      (if (i32.ne (call $cancel (local.get $subtask)) (i32.const -1)) (then (unreachable)))
      (if (i32.lt_u (local.get $how) (i32.const 2))
        (then
          ;; 0: STARTING
          (if (i32.and (call $other) (i32.const 15)) (then (unreachable)))))
      (call $writes)
      (local.set $set (call $set-new))
      (call $join (local.get $subtask) (local.get $set))
      (drop (call $wait (local.get $set) (i32.const 16)))))
  (core instance $main (instantiate $Main (with "" (instance
    (export "work" (func $work)) (export "other" (func $other)) (export "writes" (func $writes))
    (export "cancel" (func $cancel)) (export "set-new" (func $set-new)) (export "join" (func $join))
    (export "wait" (func $wait))))))
  (func (export "run") async (param "how" u32) (canon lift (core func $main "run"))))
