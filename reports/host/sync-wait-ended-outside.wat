;; Wasmtime 50.0.1: another instance ends the wait of an export of synchronous type
;;
;; The rule, `canon_lift` of the specification: while an export of synchronous type waits, only ready
;; threads of its instance go on, and it traps as soon as none is left.
;;
;; Wasmtime 50.0.1 looks for such a thread at the first wait, and again when one of them exits
;; (`runtime/component/concurrent.rs`, line 2797). When the thread returns WAIT or YIELD to its callback
;; loop nothing is checked (lines 2760 to 2882), and the whole event loop goes on: other instances run, and
;; may end the wait. So a call of synchronous type gives the outside a turn.
;;
;; The shortest sequence:
;;   1. an export of `$Other` makes a future, and yields; its callback will write the future;
;;   2. an export of `$Waiting` yields; its callback will wait on an empty set;
;;   3. an export of synchronous type of `$Waiting` reads the future synchronously: the thread of step 2
;;      goes on, and none is ready any more.
;;
;; `run(0)`: as above; it returns instead of trapping. `run(1)`: without step 2 it traps. To run it:
;; `tests/conform/test_host_bugs.py`.
(component
  (component $Waiting
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (type $future (future u8))
    (core func $task-return (canon task.return))
    (core func $set-new (canon waitable-set.new))
    (core func $read (canon future.read $future (memory (core memory $memory "memory"))))
    (core module $Code
      (import "" "task-return" (func $task-return))
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (func (export "yields") (result i32)
        (call $task-return)
        ;; 1: YIELD
        (i32.const 1))
      (func (export "callback") (param i32 i32 i32) (result i32)
        ;; 2: WAIT
        (i32.or (i32.const 2) (i32.shl (call $set-new) (i32.const 4))))
      (func (export "reads") (param $reader i32)
        (drop (call $read (local.get $reader) (i32.const 16)))))
    (core instance $code (instantiate $Code (with "" (instance
      (export "task-return" (func $task-return)) (export "set-new" (func $set-new))
      (export "read" (func $read))))))
    (func (export "yields") async
      (canon lift (core func $code "yields") async (callback (core func $code "callback"))))
    (func (export "reads") (param "reader" $future) (canon lift (core func $code "reads"))))
  (instance $waiting (instantiate $Waiting))

  (component $Other
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (type $future (future u8))
    (core func $task-return (canon task.return))
    (core func $new (canon future.new $future))
    (core func $write (canon future.write $future async (memory (core memory $memory "memory"))))
    (core module $Code
      (import "" "task-return" (func $task-return))
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i32) (result i32)))
      (global $writer (mut i32) (i32.const 0))
      (func (export "makes") (result i32)
        (local $ends i64)
        (local.set $ends (call $new))
        (global.set $writer (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (i32.wrap_i64 (local.get $ends)))
      (func (export "writes-later") (result i32)
        (call $task-return)
        (i32.const 1))
      (func (export "callback") (param i32 i32 i32) (result i32)
        (drop (call $write (global.get $writer) (i32.const 0)))
        (i32.const 0)))
    (core instance $code (instantiate $Code (with "" (instance
      (export "task-return" (func $task-return)) (export "new" (func $new))
      (export "write" (func $write))))))
    (func (export "makes") (result $future) (canon lift (core func $code "makes")))
    (func (export "writes-later") async
      (canon lift (core func $code "writes-later") async (callback (core func $code "callback")))))
  (instance $other (instantiate $Other))

  (core func $yields (canon lower (func $waiting "yields") async))
  (core func $reads (canon lower (func $waiting "reads")))
  (core func $makes (canon lower (func $other "makes")))
  (core func $writes-later (canon lower (func $other "writes-later") async))
  (core module $Main
    (import "" "yields" (func $yields (result i32)))
    (import "" "reads" (func $reads (param i32)))
    (import "" "makes" (func $makes (result i32)))
    (import "" "writes-later" (func $writes-later (result i32)))
    (func (export "run") (param $alone i32)
      (local $reader i32)
      (local.set $reader (call $makes))
      (drop (call $writes-later))
      (if (i32.eqz (local.get $alone)) (then (drop (call $yields))))
      (call $reads (local.get $reader))))
  (core instance $main (instantiate $Main (with "" (instance
    (export "yields" (func $yields)) (export "reads" (func $reads)) (export "makes" (func $makes))
    (export "writes-later" (func $writes-later))))))
  (func (export "run") async (param "alone" u32) (canon lift (core func $main "run"))))
