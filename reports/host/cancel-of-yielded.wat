;; Wasmtime 50.0.1: to cancel a task that yielded while another one has the lock ends the store
;;
;; The rule, `Task.request_cancellation` and the callback loop of `canon_lift` of the specification: the
;; cancellation of a task that yielded is delivered once the exclusive lock of its instance is free.
;;
;; Wasmtime 50.0.1: a callback that is due while the lock is held is put aside
;; (`handle_work_item` in `runtime/component/concurrent.rs`, line 1627), where `subtask.cancel` does not
;; look for it: "BUG: thread with `WakeOnCancel::Yielding` not promotable" (line 4505).
;;
;; The shortest sequence:
;;   1. `$Main` calls an export of `$Shared`, which yields;
;;   2. `$Main` calls another one, which has the lock and waits;
;;   3. `$Main` yields, so that the callback of the first is due;
;;   4. `$Main` cancels the first.
;;
;; `run(0)`: as above. `run(1)`: without step 2, and all is well. To run it:
;; `tests/conform/test_host_bugs.py`.
(component
  (component $Shared
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core module $Code
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "wait" (func $wait (param i32 i32) (result i32)))
      (import "" "task-cancel" (func $task-cancel))
      (import "" "task-return" (func $task-return))
      (func (export "yields") (result i32) (i32.const 1))
      (func (export "yields-callback") (param $event i32) (param i32 i32) (result i32)
        ;; 6: it is cancelled
        (if (i32.eq (local.get $event) (i32.const 6))
          (then (call $task-cancel) (return (i32.const 0))))
        (i32.const 1))
      (func (export "waits") (result i32)
        (call $task-return)
        (drop (call $wait (call $set-new) (i32.const 64)))
        (unreachable))
      (func (export "waits-callback") (param i32 i32 i32) (result i32) (unreachable)))
    (core func $set-new (canon waitable-set.new))
    (core func $wait (canon waitable-set.wait (memory (core memory $memory "memory"))))
    (core func $task-cancel (canon task.cancel))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "set-new" (func $set-new)) (export "wait" (func $wait))
      (export "task-cancel" (func $task-cancel)) (export "task-return" (func $task-return))))))
    (func (export "yields") async
      (canon lift (core func $code "yields") async (callback (core func $code "yields-callback"))))
    (func (export "waits") async
      (canon lift (core func $code "waits") async (callback (core func $code "waits-callback")))))
  (instance $shared (instantiate $Shared))

  (component $Main
    (import "yields" (func $yields async))
    (import "waits" (func $waits async))
    (core module $Code
      (import "" "yields" (func $yields (result i32)))
      (import "" "waits" (func $waits (result i32)))
      (import "" "cancel" (func $cancel (param i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (global $subtask (mut i32) (i32.const 0))
      (func (export "run") (param $alone i32) (result i32)
        (global.set $subtask (i32.shr_u (call $yields) (i32.const 4)))
        (if (i32.eqz (local.get $alone)) (then (drop (call $waits))))
        (i32.const 1))
      (func (export "callback") (param i32 i32 i32) (result i32)
        (drop (call $cancel (global.get $subtask)))
        (call $task-return)
        (i32.const 0)))
    (core func $yields (canon lower (func $yields) async))
    (core func $waits (canon lower (func $waits) async))
    (core func $cancel (canon subtask.cancel))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "yields" (func $yields)) (export "waits" (func $waits))
      (export "cancel" (func $cancel)) (export "task-return" (func $task-return))))))
    (func (export "run") async (param "alone" u32)
      (canon lift (core func $code "run") async (callback (core func $code "callback")))))
  (instance $main (instantiate $Main
    (with "yields" (func $shared "yields")) (with "waits" (func $shared "waits"))))
  (func (export "run") (alias export $main "run")))
