;; Wasmtime 50.0.1: an event that is taken before its waiter goes on ends the store
;;
;; The rule, `wait_from_callback` and `WaitableSet.wait` of the specification: who waits on a set looks
;; for an event when it goes on. An event that was taken meanwhile, by a poll, a cancel or a join in
;; another thread of the instance, is not there, and it waits on.
;;
;; Wasmtime 50.0.1: the waiter is chosen, and queued, when the event comes (`mark_ready` in
;; `runtime/component/concurrent.rs`, lines 5598 to 5640). If the event is gone when its turn comes:
;; "BUG: delivering non-present event" (line 984) for a callback, "BUG: event expected to be present"
;; (line 4327) for a `waitable-set.wait`.
;;
;; The shortest sequence:
;;   1. an async export of `$Shared` waits for a future, which is in its set;
;;   2. `$Main` writes the future: the event is there, and the waiter is queued;
;;   3. in the same turn `$Main` calls another export of `$Shared`, which takes the future out of the set.
;;
;; `run(0)`: the export waits for its callback; `run(1)`: it waits in `waitable-set.wait`. `run(2)` and
;; `run(3)`: the same without step 3, and all is well. To run it: `tests/conform/test_host_bugs.py`.
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
      (global $reader (mut i32) (i32.const 0))
      (global $writer (mut i32) (i32.const 0))
      (func (export "waits") (param $blocks i32) (result i32)
        (local $set i32) (local $ends i64)
        (local.set $set (call $set-new))
        (local.set $ends (call $future-new))
        (global.set $reader (i32.wrap_i64 (local.get $ends)))
        (global.set $writer (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (drop (call $future-read (global.get $reader) (i32.const 64)))
        (call $join (global.get $reader) (local.get $set))
        (call $task-return)
        (if (local.get $blocks) (then
          (drop (call $wait (local.get $set) (i32.const 128)))
          (return (i32.const 0))))
        (i32.or (i32.shl (local.get $set) (i32.const 4)) (i32.const 2)))
      (func (export "callback") (param i32 i32 i32) (result i32) (i32.const 0))
      (func (export "wake") (drop (call $future-write (global.get $writer) (i32.const 64))))
      (func (export "take") (call $join (global.get $reader) (i32.const 0))))
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
    (func (export "waits") async (param "blocks" u32)
      (canon lift (core func $code "waits") async (callback (core func $code "callback"))))
    (func (export "wake") (canon lift (core func $code "wake")))
    (func (export "take") (canon lift (core func $code "take"))))
  (instance $shared (instantiate $Shared))

  (component $Main
    (import "waits" (func $waits async (param "blocks" u32)))
    (import "wake" (func $wake))
    (import "take" (func $take))
    (core module $Code
      (import "" "waits" (func $waits (param i32) (result i32)))
      (import "" "wake" (func $wake))
      (import "" "take" (func $take))
      (import "" "task-return" (func $task-return))
      (global $turns (mut i32) (i32.const 0))
      (func (export "run") (param $how i32) (result i32)
        (drop (call $waits (i32.and (local.get $how) (i32.const 1))))
        (call $wake)
        (if (i32.lt_u (local.get $how) (i32.const 2)) (then (call $take)))
        (i32.const 1))
      (func (export "callback") (param i32 i32 i32) (result i32)
        (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
        (if (result i32) (i32.eq (global.get $turns) (i32.const 5))
          (then (call $task-return) (i32.const 0))
          (else (i32.const 1)))))
    (core func $waits (canon lower (func $waits) async))
    (core func $wake (canon lower (func $wake)))
    (core func $take (canon lower (func $take)))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "waits" (func $waits)) (export "wake" (func $wake)) (export "take" (func $take))
      (export "task-return" (func $task-return))))))
    (func (export "run") async (param "how" u32)
      (canon lift (core func $code "run") async (callback (core func $code "callback")))))
  (instance $main (instantiate $Main
    (with "waits" (func $shared "waits")) (with "wake" (func $shared "wake"))
    (with "take" (func $shared "take"))))
  (func (export "run") (alias export $main "run")))
