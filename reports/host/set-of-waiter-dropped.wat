;; Wasmtime 50.0.1: a set can be dropped on which a task waits, once its event has come
;;
;; The rule, `WaitableSet.drop` of the specification: it traps while a task waits on the set, which is until
;; this task has gone on.
;;
;; Wasmtime 50.0.1 forgets who waits when the event comes (`runtime/component/concurrent.rs`, line 5614), and
;; drops the set (line 3876) before the task has gone on with it.
;;
;; The shortest sequence:
;;   1. a task of `$Shared` reads a future, whose end joins a set, and waits on the set;
;;   2. an export of synchronous type of `$Shared` writes the future;
;;   3. another one takes the end out of the set, and drops the set.
;;
;; `run(0)`: as above; it returns instead of trapping. `run(1)`: without step 2 the drop traps. To run it:
;; `tests/conform/test_host_bugs.py`.
(component
  (component $Shared
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (type $future (future u8))
    (core func $set-new (canon waitable-set.new))
    (core func $set-drop (canon waitable-set.drop))
    (core func $join (canon waitable.join))
    (core func $wait (canon waitable-set.wait (memory (core memory $memory "memory"))))
    (core func $new (canon future.new $future))
    (core func $read (canon future.read $future async (memory (core memory $memory "memory"))))
    (core func $write (canon future.write $future async (memory (core memory $memory "memory"))))
    (core module $Code
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "set-drop" (func $set-drop (param i32)))
      (import "" "join" (func $join (param i32 i32)))
      (import "" "wait" (func $wait (param i32 i32) (result i32)))
      (import "" "new" (func $new (result i64)))
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (import "" "write" (func $write (param i32 i32) (result i32)))
      (global $ends (mut i64) (i64.const 0))
      (global $set (mut i32) (i32.const 0))
      (func $reader (result i32) (i32.wrap_i64 (global.get $ends)))
      (func (export "waits")
        (global.set $ends (call $new))
        (global.set $set (call $set-new))
        (drop (call $read (call $reader) (i32.const 16)))
        (call $join (call $reader) (global.get $set))
        (drop (call $wait (global.get $set) (i32.const 32))))
      (func (export "writes")
        ;; 0: COMPLETED
        (if (call $write
              (i32.wrap_i64 (i64.shr_u (global.get $ends) (i64.const 32))) (i32.const 0))
          (then (unreachable))))
      (func (export "drops")
        (call $join (call $reader) (i32.const 0))
        (call $set-drop (global.get $set))))
    (core instance $code (instantiate $Code (with "" (instance
      (export "set-new" (func $set-new)) (export "set-drop" (func $set-drop))
      (export "join" (func $join)) (export "wait" (func $wait)) (export "new" (func $new))
      (export "read" (func $read)) (export "write" (func $write))))))
    (func (export "waits") async (canon lift (core func $code "waits")))
    (func (export "writes") (canon lift (core func $code "writes")))
    (func (export "drops") (canon lift (core func $code "drops"))))
  (instance $shared (instantiate $Shared))

  (core func $waits (canon lower (func $shared "waits") async))
  (core func $writes (canon lower (func $shared "writes")))
  (core func $drops (canon lower (func $shared "drops")))
  (core module $Main
    (import "" "waits" (func $waits (result i32)))
    (import "" "writes" (func $writes))
    (import "" "drops" (func $drops))
    (func (export "run") (param $early i32)
      (drop (call $waits))
      (if (i32.eqz (local.get $early)) (then (call $writes)))
      (call $drops)))
  (core instance $main (instantiate $Main (with "" (instance
    (export "waits" (func $waits)) (export "writes" (func $writes))
    (export "drops" (func $drops))))))
  (func (export "run") async (param "early" u32) (canon lift (core func $main "run"))))
