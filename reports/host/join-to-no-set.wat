;; Wasmtime 50.0.1: `waitable.join` to no set of an end that is being read synchronously does not trap
;;
;; The rule, `canon_waitable_join` of the specification: it traps if a builtin waits for the waitable, for a
;; set and for none.
;;
;; Wasmtime 50.0.1 looks for such a builtin only where a set is named (`waitable_join` in
;; `runtime/component/concurrent.rs`, line 3904). For none it takes the end out of the set in which the
;; builtin waits (line 5535), so that the event of the end wakes nobody: the builtin waits for ever.
;;
;; The shortest sequence:
;;   1. a task of `$Shared` reads a future synchronously, and waits;
;;   2. an export of synchronous type of `$Shared` joins the future's end to no set.
;;
;; `run(0)`: as above; it returns instead of trapping. `run(1)`: the end joins a set, and it traps.
;; `run(2)`: after step 2 the future is written, and the read never returns. `run(3)`: the same without
;; step 2, and all is well. To run it: `tests/conform/test_host_bugs.py`.
(component
  (component $Shared
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (type $future (future u8))
    (core func $set-new (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $new (canon future.new $future))
    (core func $read (canon future.read $future (memory (core memory $memory "memory"))))
    (core func $write (canon future.write $future async (memory (core memory $memory "memory"))))
    (core module $Code
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "join" (func $join (param i32 i32)))
      (import "" "new" (func $new (result i64)))
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (import "" "write" (func $write (param i32 i32) (result i32)))
      (global $ends (mut i64) (i64.const 0))
      (func $reader (result i32) (i32.wrap_i64 (global.get $ends)))
      (func (export "reads")
        (global.set $ends (call $new))
        (drop (call $read (call $reader) (i32.const 16))))
      (func (export "joins") (param $set i32)
        (call $join (call $reader)
          (if (result i32) (local.get $set) (then (call $set-new)) (else (i32.const 0)))))
      (func (export "writes")
        ;; 0: COMPLETED
        (if (call $write
              (i32.wrap_i64 (i64.shr_u (global.get $ends) (i64.const 32))) (i32.const 0))
          (then (unreachable)))))
    (core instance $code (instantiate $Code (with "" (instance
      (export "set-new" (func $set-new)) (export "join" (func $join)) (export "new" (func $new))
      (export "read" (func $read)) (export "write" (func $write))))))
    (func (export "reads") async (canon lift (core func $code "reads")))
    (func (export "joins") (param "set" bool) (canon lift (core func $code "joins")))
    (func (export "writes") (canon lift (core func $code "writes"))))
  (instance $shared (instantiate $Shared))

  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (core func $reads (canon lower (func $shared "reads") async))
  (core func $joins (canon lower (func $shared "joins")))
  (core func $writes (canon lower (func $shared "writes")))
  (core func $set-new (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $wait (canon waitable-set.wait (memory (core memory $memory "memory"))))
  (core module $Main
    (import "" "reads" (func $reads (result i32)))
    (import "" "joins" (func $joins (param i32)))
    (import "" "writes" (func $writes))
    (import "" "set-new" (func $set-new (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "wait" (func $wait (param i32 i32) (result i32)))
    (func (export "run") (param $how i32)
      (local $subtask i32) (local $set i32)
      (local.set $subtask (i32.shr_u (call $reads) (i32.const 4)))
      (if (i32.lt_u (local.get $how) (i32.const 3))
        (then (call $joins (i32.eq (local.get $how) (i32.const 1)))))
      (if (i32.lt_u (local.get $how) (i32.const 2)) (then (return)))
      (call $writes)
      (local.set $set (call $set-new))
      (call $join (local.get $subtask) (local.get $set))
      (drop (call $wait (local.get $set) (i32.const 16)))))
  (core instance $main (instantiate $Main (with "" (instance
    (export "reads" (func $reads)) (export "joins" (func $joins)) (export "writes" (func $writes))
    (export "set-new" (func $set-new)) (export "join" (func $join)) (export "wait" (func $wait))))))
  (func (export "run") async (param "how" u32) (canon lift (core func $main "run"))))
