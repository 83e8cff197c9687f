;; Wasmtime 50.0.1: an async export may not wait although no call of synchronous type is in progress
;;
;; The rule, `Concurrency.md` and `canon_lift` of the specification after its pull request 705: a thread
;; that waits traps if an export of synchronous type is in progress in its instance and no other thread
;; of the instance is ready. Without such an export every thread may wait.
;;
;; Wasmtime 50.0.1: whether one is in progress is a flag of the instance, `do_not_suspend`. Each call sets
;; it and puts it back to what it found (`enter_sync_call` and `exit_sync_call` in
;; `runtime/component/concurrent.rs`, lines 1862 to 1888), as if calls ended in the order of a stack.
;; But while one waits another may begin, and the first may end first.
;;
;; The shortest sequence: a callback task of `$Shared` is ready, so that these waits do not trap;
;;   1. call A of `sync` begins (it found the flag off) and waits;
;;   2. call B of `sync` begins (it found the flag on) and waits;
;;   3. A ends: the flag is off, although B is in progress;
;;   4. B ends: the flag is on, although no call is in progress, and stays on;
;;   5. an async export of the instance waits in its callback: "cannot block a synchronous task before
;;      returning". So does one that ends, if no other thread is ready.
;;
;; `run(1)`: A ends first, and the wait of step 5 traps. `run(2)`: B ends first, and all is well. Seen
;; with the state of the model's host `wasmtime_50` first. To run it: `tests/conform/test_host_bugs.py`.
(component
  (component $Shared
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core module $Code
      (import "" "memory" (memory 1))
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "join" (func $join (param i32 i32)))
      (import "" "wait" (func $wait (param i32 i32) (result i32)))
      (import "" "future-new" (func $future-new (result i64)))
      (import "" "future-read" (func $future-read (param i32 i32) (result i32)))
      (import "" "future-write" (func $future-write (param i32 i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (global $turns (mut i32) (i32.const 14))
      ;; wait for the event `number`
      (func $await (param $number i32)
        (local $set i32) (local $ends i64)
        (local.set $set (call $set-new))
        (local.set $ends (call $future-new))
        (i32.store (i32.mul (local.get $number) (i32.const 4))
          (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (drop (call $future-read (i32.wrap_i64 (local.get $ends)) (i32.const 64)))
        (call $join (i32.wrap_i64 (local.get $ends)) (local.get $set))
        (drop (call $wait (local.get $set) (i32.const 128))))
      (func (export "sync") (param $number i32) (call $await (local.get $number)))
      ;; the event `number` is there
      (func (export "wake") (param $number i32)
        (drop (call $future-write
          (i32.load (i32.mul (local.get $number) (i32.const 4))) (i32.const 64))))
      ;; yields some turns
      (func (export "yields") (result i32) (i32.const 1))
      (func (export "yields-callback") (param i32 i32 i32) (result i32)
        (global.set $turns (i32.sub (global.get $turns) (i32.const 1)))
        (if (result i32) (global.get $turns)
          (then (i32.const 1))
          (else
            (call $task-return)
            (i32.or (i32.shl (call $set-new) (i32.const 4)) (i32.const 2)))))
      ;; yields, then waits in its callback
      (func (export "waits") (result i32) (i32.const 1))
      (func (export "waits-callback") (param i32 i32 i32) (result i32)
        (call $await (i32.const 3))
        (call $task-return)
        (i32.const 0)))
    (type $future (future))
    (core func $set-new (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $wait (canon waitable-set.wait (memory (core memory $memory "memory"))))
    (core func $future-new (canon future.new $future))
    (core func $future-read
      (canon future.read $future async (memory (core memory $memory "memory"))))
    (core func $future-write
      (canon future.write $future async (memory (core memory $memory "memory"))))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "memory" (memory $memory "memory"))
      (export "set-new" (func $set-new))
      (export "join" (func $join))
      (export "wait" (func $wait))
      (export "future-new" (func $future-new))
      (export "future-read" (func $future-read))
      (export "future-write" (func $future-write))
      (export "task-return" (func $task-return))))))
    (func (export "sync") (param "number" u32) (canon lift (core func $code "sync")))
    (func (export "wake") (param "number" u32) (canon lift (core func $code "wake")))
    (func (export "yields") async
      (canon lift (core func $code "yields") async (callback (core func $code "yields-callback"))))
    (func (export "waits") async
      (canon lift (core func $code "waits") async (callback (core func $code "waits-callback")))))
  (instance $shared (instantiate $Shared))

  ;; calls the export of synchronous type: two instances, as each has one thread at a time
  (component $Caller
    (import "sync" (func $sync (param "number" u32)))
    (core module $Code
      (import "" "sync" (func $sync (param i32)))
      (import "" "task-return" (func $task-return))
      (global $number (mut i32) (i32.const 0))
      ;; yields first, as a caller waits as long as a call of synchronous type in its call
      (func (export "call") (param i32) (result i32)
        (global.set $number (local.get 0))
        (i32.const 1))
      (func (export "callback") (param i32 i32 i32) (result i32)
        (call $sync (global.get $number))
        (call $task-return)
        (i32.const 0)))
    (core func $sync (canon lower (func $sync)))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "sync" (func $sync)) (export "task-return" (func $task-return))))))
    (func (export "call") async (param "number" u32)
      (canon lift (core func $code "call") async (callback (core func $code "callback")))))
  (instance $caller1 (instantiate $Caller (with "sync" (func $shared "sync"))))
  (instance $caller2 (instantiate $Caller (with "sync" (func $shared "sync"))))

  (component $Main
    (import "call1" (func $call1 async (param "number" u32)))
    (import "call2" (func $call2 async (param "number" u32)))
    (import "wake" (func $wake (param "number" u32)))
    (import "yields" (func $yields async))
    (import "waits" (func $waits async))
    (core module $Code
      (import "" "call1" (func $call1 (param i32) (result i32)))
      (import "" "call2" (func $call2 (param i32) (result i32)))
      (import "" "wake" (func $wake (param i32)))
      (import "" "yields" (func $yields (result i32)))
      (import "" "waits" (func $waits (result i32)))
      (import "" "task-return" (func $task-return))
      (global $first (mut i32) (i32.const 0))
      (global $step (mut i32) (i32.const 0))
      (func (export "run") (param $first i32) (result i32)
        (global.set $first (local.get $first))
        (drop (call $yields))
        (drop (call $call1 (i32.const 1)))
        (drop (call $call2 (i32.const 2)))
        (i32.const 1))
      (func (export "run-callback") (param i32 i32 i32) (result i32)
        (global.set $step (i32.add (global.get $step) (i32.const 1)))
        (if (i32.eq (global.get $step) (i32.const 4))
          (then (call $wake (global.get $first))))
        (if (i32.eq (global.get $step) (i32.const 8))
          (then (call $wake (i32.sub (i32.const 3) (global.get $first)))))
        (if (i32.eq (global.get $step) (i32.const 16))
          (then (drop (call $waits))))
        (if (i32.eq (global.get $step) (i32.const 24))
          (then (call $wake (i32.const 3))))
        (if (result i32) (i32.eq (global.get $step) (i32.const 32))
          (then (call $task-return) (i32.const 0))
          (else (i32.const 1)))))
    (core func $call1 (canon lower (func $call1) async))
    (core func $call2 (canon lower (func $call2) async))
    (core func $wake (canon lower (func $wake)))
    (core func $yields (canon lower (func $yields) async))
    (core func $waits (canon lower (func $waits) async))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "call1" (func $call1)) (export "call2" (func $call2))
      (export "wake" (func $wake)) (export "yields" (func $yields))
      (export "waits" (func $waits))
      (export "task-return" (func $task-return))))))
    (func (export "run") async (param "first" u32)
      (canon lift (core func $code "run") async (callback (core func $code "run-callback")))))
  (instance $main (instantiate $Main
    (with "call1" (func $caller1 "call")) (with "call2" (func $caller2 "call"))
    (with "wake" (func $shared "wake")) (with "yields" (func $shared "yields"))
    (with "waits" (func $shared "waits"))))
  (func (export "run") (alias export $main "run")))
