;; Wasmtime 50.0.1: a second `subtask.cancel` does not trap
;;
;; The rule, `canon_subtask_cancel` of the specification: it traps if the cancellation of the call was
;; requested before. So a callee is called back with TASK_CANCELLED once at most.
;;
;; Wasmtime 50.0.1: for a callee that is a component it looks only whether the call has returned
;; (`subtask_cancel` in `runtime/component/concurrent.rs`, line 4426), and the callee is called back with
;; TASK_CANCELLED a second time. For a function of the host it traps, as it should.
;;
;; The shortest sequence:
;;   1. `$Main` calls `$Callee` asynchronously, which waits;
;;   2. `$Main` calls `subtask.cancel` asynchronously: BLOCKED, as the callee waits on;
;;   3. the same again.
;;
;; `run(0)`: as above; it returns instead of trapping, and `$Callee` was cancelled twice. `run(1)`: after
;; step 2 the callee acknowledges, and a second `subtask.cancel` traps. To run it:
;; `tests/conform/test_host_bugs.py`.
(component
  (component $Callee
    (core module $Code
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "task-cancel" (func $task-cancel))
      (global $left (mut i32) (i32.const 0))
      (global $set (mut i32) (i32.const 0))
      (func $wait (result i32)
        (i32.or (i32.shl (global.get $set) (i32.const 4)) (i32.const 2)))
      ;; `left`: how many cancellations it does not answer
      (func (export "work") (param $left i32) (result i32)
        (global.set $left (local.get $left))
        (global.set $set (call $set-new))
        (call $wait))
      (func (export "callback") (param $event i32) (param i32 i32) (result i32)
        ;; 6: it is cancelled
        (if (i32.ne (local.get $event) (i32.const 6)) (then (unreachable)))
        (if (i32.eqz (global.get $left)) (then (call $task-cancel) (return (i32.const 0))))
        (global.set $left (i32.sub (global.get $left) (i32.const 1)))
        (call $wait)))
    (core func $set-new (canon waitable-set.new))
    (core func $task-cancel (canon task.cancel))
    (core instance $code (instantiate $Code (with "" (instance
      (export "set-new" (func $set-new)) (export "task-cancel" (func $task-cancel))))))
    (func (export "work") async (param "left" u32)
      (canon lift (core func $code "work") async (callback (core func $code "callback")))))
  (instance $callee (instantiate $Callee))

  (component $Main
    (import "work" (func $work async (param "left" u32)))
    (core module $Code
      (import "" "work" (func $work (param i32) (result i32)))
      (import "" "cancel" (func $cancel (param i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (func (export "run") (param $answers i32) (result i32)
        (local $subtask i32)
        (local.set $subtask
          (i32.shr_u (call $work (i32.eqz (local.get $answers))) (i32.const 4)))
        (drop (call $cancel (local.get $subtask)))
        ;; 4: CANCELLED_BEFORE_RETURNED
        (if (i32.ne (call $cancel (local.get $subtask)) (i32.const 4)) (then (unreachable)))
        (call $task-return)
        (i32.const 0))
      (func (export "callback") (param i32 i32 i32) (result i32) (unreachable)))
    (core func $work (canon lower (func $work) async))
    (core func $cancel (canon subtask.cancel async))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "work" (func $work)) (export "cancel" (func $cancel))
      (export "task-return" (func $task-return))))))
    (func (export "run") async (param "answers" u32)
      (canon lift (core func $code "run") async (callback (core func $code "callback")))))
  (instance $main (instantiate $Main (with "work" (func $callee "work"))))
  (func (export "run") (alias export $main "run")))
