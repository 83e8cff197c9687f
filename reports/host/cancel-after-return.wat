;; Wasmtime 50.0.1: a task that has given its result is called back with TASK_CANCELLED
;;
;; The rule, `Task.return_` and `Task.deliver_pending_cancel` of the specification: a cancellation that was
;; asked for and not delivered is dropped when the task gives its result. What the task does afterwards is
;; not cancelled.
;;
;; Wasmtime 50.0.1 keeps the request (`get_event` in `runtime/component/concurrent.rs`, line 2712), and
;; delivers it at the next return to the callback loop. A `task.cancel`, which such a callback makes, traps.
;;
;; The shortest sequence:
;;   1. `$Main` calls `$Callee` asynchronously, which reads a future synchronously, and waits;
;;   2. `$Main` cancels the call asynchronously: BLOCKED;
;;   3. the future is written, and the callee gives its result, then yields.
;;
;; `run(0)`: as above; the callback has the event TASK_CANCELLED, and traps. `run(1)`: without step 2 it
;; has no event, and all is well. To run it: `tests/conform/test_host_bugs.py`.
(component
  (component $Callee
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (type $future (future u8))
    (core func $new (canon future.new $future))
    (core func $read (canon future.read $future (memory (core memory $memory "memory"))))
    (core func $write (canon future.write $future async (memory (core memory $memory "memory"))))
    (core func $task-return (canon task.return))
    (core module $Code
      (import "" "new" (func $new (result i64)))
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (import "" "write" (func $write (param i32 i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (global $ends (mut i64) (i64.const 0))
      (func (export "work") (result i32)
        (global.set $ends (call $new))
        (drop (call $read (i32.wrap_i64 (global.get $ends)) (i32.const 16)))
        (call $task-return)
        ;; 1: YIELD
        (i32.const 1))
      (func (export "callback") (param $event i32) (param i32 i32) (result i32)
        (if (local.get $event) (then (unreachable)))
        (i32.const 0))
      (func (export "writes")
        ;; 0: COMPLETED
        (if (call $write
              (i32.wrap_i64 (i64.shr_u (global.get $ends) (i64.const 32))) (i32.const 0))
          (then (unreachable)))))
    (core instance $code (instantiate $Code (with "" (instance
      (export "new" (func $new)) (export "read" (func $read)) (export "write" (func $write))
      (export "task-return" (func $task-return))))))
    (func (export "work") async
      (canon lift (core func $code "work") async (callback (core func $code "callback"))))
    (func (export "writes") (canon lift (core func $code "writes"))))
  (instance $callee (instantiate $Callee))

  (core func $work (canon lower (func $callee "work") async))
  (core func $writes (canon lower (func $callee "writes")))
  (core func $cancel (canon subtask.cancel async))
  (core func $task-return (canon task.return))
  (core module $Main
    (import "" "work" (func $work (result i32)))
    (import "" "writes" (func $writes))
    (import "" "cancel" (func $cancel (param i32) (result i32)))
    (import "" "task-return" (func $task-return))
    (global $yields (mut i32) (i32.const 8))
    (func (export "run") (param $alone i32) (result i32)
      (local $subtask i32)
      (local.set $subtask (i32.shr_u (call $work) (i32.const 4)))
      (if (i32.eqz (local.get $alone))
        (then
          ;; -1: BLOCKED
          (if (i32.ne (call $cancel (local.get $subtask)) (i32.const -1)) (then (unreachable)))))
      (call $writes)
      (i32.const 1))
    (func (export "callback") (param i32 i32 i32) (result i32)
      (global.set $yields (i32.sub (global.get $yields) (i32.const 1)))
      (if (global.get $yields) (then (return (i32.const 1))))
      (call $task-return)
      (i32.const 0)))
  (core instance $main (instantiate $Main (with "" (instance
    (export "work" (func $work)) (export "writes" (func $writes)) (export "cancel" (func $cancel))
    (export "task-return" (func $task-return))))))
  (func (export "run") async (param "alone" u32)
    (canon lift (core func $main "run") async (callback (core func $main "callback")))))
