;; Wasmtime 50.0.1: the next call fails after a call was cancelled before it had started
;;
;; The rule, `canon_subtask_cancel` of the specification: a call that waits to start, as its callee has
;; backpressure, is cancelled at once (CANCELLED_BEFORE_STARTED). Nothing else is different after that.
;;
;; Wasmtime 50.0.1: the cancellation says that the caller of the one who cancels goes on next, although
;; that one runs on (`cancel_guest_subtask_without_lowered_parameters` in
;; `runtime/component/concurrent.rs`, line 2496). The next call in the same turn says so of its callee:
;; "BUG: switch item already set" (line 6165).
;;
;; The shortest sequence:
;;   1. `$Callee` turns backpressure on;
;;   2. `$Main` calls `$Middle` asynchronously;
;;   3. `$Middle` calls `$Callee` asynchronously: STARTING;
;;   4. `$Middle` cancels the call: CANCELLED_BEFORE_STARTED, as it should be;
;;   5. `$Middle` calls anybody else.
;;
;; `run(0)`: as above. `run(1)`: `$Middle` yields before step 5, and all is well. To run it:
;; `tests/conform/test_host_bugs.py`.
(component
  (component $Callee
    (core module $Code
      (import "" "task-return" (func $task-return))
      (import "" "inc" (func $inc))
      (func (export "hold") (call $inc))
      (func (export "work") (result i32) (call $task-return) (i32.const 0))
      (func (export "callback") (param i32 i32 i32) (result i32) (unreachable)))
    (core func $task-return (canon task.return))
    (core func $inc (canon backpressure.inc))
    (core instance $code (instantiate $Code (with "" (instance
      (export "task-return" (func $task-return))
      (export "inc" (func $inc))))))
    (func (export "hold") (canon lift (core func $code "hold")))
    (func (export "work") async
      (canon lift (core func $code "work") async (callback (core func $code "callback")))))
  (instance $callee (instantiate $Callee))
  ;; without backpressure
  (instance $other (instantiate $Callee))

  (component $Middle
    (import "hold" (func $hold))
    (import "work" (func $work async))
    (import "other" (func $other async))
    (core module $Code
      (import "" "hold" (func $hold))
      (import "" "work" (func $work (result i32)))
      (import "" "other" (func $other (result i32)))
      (import "" "cancel" (func $cancel (param i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (func $call (result i32)
        (drop (call $other))
        (call $task-return)
        (i32.const 0))
      (func (export "run") (param $yields i32) (result i32)
        (call $hold)
        ;; 3: CANCELLED_BEFORE_STARTED
        (if (i32.ne (call $cancel (i32.shr_u (call $work) (i32.const 4))) (i32.const 3))
          (then (unreachable)))
        (if (local.get $yields) (then (return (i32.const 1))))
        (call $call))
      (func (export "callback") (param i32 i32 i32) (result i32) (call $call)))
    (core func $hold (canon lower (func $hold)))
    (core func $work (canon lower (func $work) async))
    (core func $other (canon lower (func $other) async))
    (core func $cancel (canon subtask.cancel))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "hold" (func $hold)) (export "work" (func $work)) (export "other" (func $other))
      (export "cancel" (func $cancel)) (export "task-return" (func $task-return))))))
    (func (export "run") async (param "yields" u32)
      (canon lift (core func $code "run") async (callback (core func $code "callback")))))
  (instance $middle (instantiate $Middle
    (with "hold" (func $callee "hold")) (with "work" (func $callee "work"))
    (with "other" (func $other "work"))))

  (component $Main
    (import "middle" (func $middle async (param "yields" u32)))
    (core module $Code
      (import "" "middle" (func $middle (param i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (func (export "run") (param $yields i32) (result i32)
        (drop (call $middle (local.get $yields)))
        (call $task-return)
        (i32.const 0))
      (func (export "callback") (param i32 i32 i32) (result i32) (unreachable)))
    (core func $middle (canon lower (func $middle) async))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "middle" (func $middle)) (export "task-return" (func $task-return))))))
    (func (export "run") async (param "yields" u32)
      (canon lift (core func $code "run") async (callback (core func $code "callback")))))
  (instance $main (instantiate $Main (with "middle" (func $middle "run"))))
  (func (export "run") (alias export $main "run")))
