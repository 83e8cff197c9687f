;; Wasmtime 50.0.1: a copy that goes on after its task has ended fails when it ends
;;
;; The rule, `future_copy` of the specification: a copy belongs to its end of the future, which is in the
;; table of the instance. It goes on when the task that started it has returned, and its event is there
;; for whoever waits on the end.
;;
;; Wasmtime 50.0.1: a read remembers the thread that started it, and the copy is made in the name of that
;; thread (`runtime/component/concurrent/futures_and_streams.rs`, lines 3419 and 3505, of futures and of
;; streams whose items are not flat). Where it has ended the write fails: "resource not present".
;;
;; The shortest sequence:
;;   1. an async export of `$Reader` starts a `future.read`, and returns;
;;   2. `$Main` writes the future.
;;
;; `run(0)`: as above. `run(1)`: the export gives its result but waits on, and all is well. To run it:
;; `tests/conform/test_host_bugs.py`.
(component
  (component $Reader
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core module $Code
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (func (export "reads") (param $future i32) (param $stays i32) (result i32)
        (drop (call $read (local.get $future) (i32.const 64)))
        (call $task-return)
        (if (i32.eqz (local.get $stays)) (then (return (i32.const 0))))
        (i32.or (i32.shl (call $set-new) (i32.const 4)) (i32.const 2)))
      (func (export "callback") (param i32 i32 i32) (result i32) (unreachable)))
    (type $future (future u8))
    (core func $set-new (canon waitable-set.new))
    (core func $read (canon future.read $future async (memory (core memory $memory "memory"))))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "set-new" (func $set-new)) (export "read" (func $read))
      (export "task-return" (func $task-return))))))
    (func (export "reads") async (param "from" $future) (param "stays" u32)
      (canon lift (core func $code "reads") async (callback (core func $code "callback")))))
  (instance $reader (instantiate $Reader))

  (component $Main
    (import "reads" (func $reads async (param "from" (future u8)) (param "stays" u32)))
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core module $Code
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i32) (result i32)))
      (import "" "reads" (func $reads (param i32 i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (global $writer (mut i32) (i32.const 0))
      (func (export "run") (param $stays i32) (result i32)
        (local $ends i64)
        (local.set $ends (call $new))
        (global.set $writer (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (drop (call $reads (i32.wrap_i64 (local.get $ends)) (local.get $stays)))
        (i32.const 1))
      (func (export "callback") (param i32 i32 i32) (result i32)
        (drop (call $write (global.get $writer) (i32.const 64)))
        (call $task-return)
        (i32.const 0)))
    (type $future (future u8))
    (core func $new (canon future.new $future))
    (core func $write (canon future.write $future async (memory (core memory $memory "memory"))))
    (core func $reads (canon lower (func $reads) async))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "new" (func $new)) (export "write" (func $write)) (export "reads" (func $reads))
      (export "task-return" (func $task-return))))))
    (func (export "run") async (param "stays" u32)
      (canon lift (core func $code "run") async (callback (core func $code "callback")))))
  (instance $main (instantiate $Main (with "reads" (func $reader "reads"))))
  (func (export "run") (alias export $main "run")))
