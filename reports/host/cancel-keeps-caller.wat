;; Wasmtime 50.0.1: an async call does not return to its caller while it waits in `subtask.cancel`
;;
;; The rule, `canon_lift` and `canon_lower` of the specification: a call that is lowered asynchronously
;; returns to its caller as soon as the callee is suspended for the first time, for whatever it waits.
;; A synchronous `subtask.cancel` suspends its thread until the callee of that call has answered.
;;
;; Wasmtime 50.0.1: whom to go back to is `next_switch_item`. While `subtask.cancel` waits this is put
;; away ("so we don't try to switch to it while blocking", `subtask_cancel` in
;; `runtime/component/concurrent.rs`, lines 4531 to 4547), and nobody goes back to the caller before the
;; wait is over. If the callee needs the caller for its answer, nothing goes on any more.
;;
;; The shortest sequence:
;;   1. `$Main` calls `$Middle` asynchronously;
;;   2. `$Middle` calls `$Callee` asynchronously, which waits;
;;   3. `$Middle` calls `subtask.cancel`; `$Callee` is called back, and waits on;
;;   4. `$Main` should have its call back as STARTED now, and would let `$Callee` go on. Instead:
;;      "deadlock detected: event loop cannot make further progress".
;;
;; `run(0)`: as above. `run(1)`: `$Middle` yields before, so that `$Main` has its call back before the
;; cancel, and all is well. Generated bindings of `wit-bindgen` call `subtask.cancel` synchronously when
;; a call is dropped. To run it: `tests/conform/test_host_bugs.py`.
(component
  ;; waits for `finish`, whether it is cancelled or not
  (component $Callee
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core module $Code
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "join" (func $join (param i32 i32)))
      (import "" "future-new" (func $future-new (result i64)))
      (import "" "future-read" (func $future-read (param i32 i32) (result i32)))
      (import "" "future-write" (func $future-write (param i32 i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (global $set (mut i32) (i32.const 0))
      (global $writer (mut i32) (i32.const 0))
      (func $wait (result i32)
        (i32.or (i32.shl (global.get $set) (i32.const 4)) (i32.const 2)))
      (func (export "work") (result i32)
        (local $ends i64)
        (global.set $set (call $set-new))
        (local.set $ends (call $future-new))
        (global.set $writer (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (drop (call $future-read (i32.wrap_i64 (local.get $ends)) (i32.const 16)))
        (call $join (i32.wrap_i64 (local.get $ends)) (global.get $set))
        (call $wait))
      (func (export "work-callback") (param $event i32) (param i32 i32) (result i32)
        ;; 6: it is cancelled
        (if (i32.eq (local.get $event) (i32.const 6)) (then (return (call $wait))))
        (call $task-return)
        (i32.const 0))
      (func (export "finish")
        (drop (call $future-write (global.get $writer) (i32.const 16)))))
    (type $future (future))
    (core func $set-new (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $future-new (canon future.new $future))
    (core func $future-read
      (canon future.read $future async (memory (core memory $memory "memory"))))
    (core func $future-write
      (canon future.write $future async (memory (core memory $memory "memory"))))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "set-new" (func $set-new))
      (export "join" (func $join))
      (export "future-new" (func $future-new))
      (export "future-read" (func $future-read))
      (export "future-write" (func $future-write))
      (export "task-return" (func $task-return))))))
    (func (export "work") async
      (canon lift (core func $code "work") async (callback (core func $code "work-callback"))))
    (func (export "finish") (canon lift (core func $code "finish"))))
  (instance $callee (instantiate $Callee))

  (component $Middle
    (import "work" (func $work async))
    (core module $Code
      (import "" "work" (func $work (result i32)))
      (import "" "cancel" (func $cancel (param i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (func $call-and-cancel
        (drop (call $cancel (i32.shr_u (call $work) (i32.const 4))))
        (call $task-return))
      (func (export "run") (param $yields i32) (result i32)
        (if (local.get $yields) (then (return (i32.const 1))))
        (call $call-and-cancel)
        (i32.const 0))
      (func (export "callback") (param i32 i32 i32) (result i32)
        (call $call-and-cancel)
        (i32.const 0)))
    (core func $work (canon lower (func $work) async))
    (core func $cancel (canon subtask.cancel))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "work" (func $work))
      (export "cancel" (func $cancel))
      (export "task-return" (func $task-return))))))
    (func (export "run") async (param "yields" u32)
      (canon lift (core func $code "run") async (callback (core func $code "callback")))))
  (instance $middle (instantiate $Middle (with "work" (func $callee "work"))))

  (component $Main
    (import "middle" (func $middle async (param "yields" u32)))
    (import "finish" (func $finish))
    (core module $Code
      (import "" "middle" (func $middle (param i32) (result i32)))
      (import "" "finish" (func $finish))
      (import "" "task-return" (func $task-return))
      (global $turns (mut i32) (i32.const 0))
      (func (export "run") (param $yields i32) (result i32)
        (drop (call $middle (local.get $yields)))
        (i32.const 1))
      (func (export "callback") (param i32 i32 i32) (result i32)
        (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
        (if (i32.eq (global.get $turns) (i32.const 5)) (then (call $finish)))
        (if (result i32) (i32.eq (global.get $turns) (i32.const 10))
          (then (call $task-return) (i32.const 0))
          (else (i32.const 1)))))
    (core func $middle (canon lower (func $middle) async))
    (core func $finish (canon lower (func $finish)))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "middle" (func $middle))
      (export "finish" (func $finish))
      (export "task-return" (func $task-return))))))
    (func (export "run") async (param "yields" u32)
      (canon lift (core func $code "run") async (callback (core func $code "callback")))))
  (instance $main (instantiate $Main
    (with "middle" (func $middle "run")) (with "finish" (func $callee "finish"))))
  (func (export "run") (alias export $main "run")))
