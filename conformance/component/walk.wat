;; The component of `wakeproof conform component`, a template: the released runtimes and the
;; scripted program in `$Guest`, between a caller, peers that hold the other ends of streams and
;; futures, and callees. All of them ask Wakeproof what to do; the host is Wasmtime.
;;
;; Between the runtimes and the host stands `$Observer`: every builtin of the table `builtins` is
;; said (`called`), with its result (`gave`). The first core module is empty: the tool puts the one
;; in its place that cargo built (`$Core`).
;;
;; The threads of an instance share its one linear-memory stack, and overwrite each other's frames
;; there where they do not go on in the order of a stack. `$Stacks` gives each a stack of its own: what
;; is compared is what the runtimes and the host do before that.
(component $Walk
  (core module)

  ;; said by the guest: a line, and one that wants an answer
  (import "tell" (func $tell (param "line" string)))
  (import "ask" (func $ask (param "line" string) (result string)))
  ;; said by the observer: a builtin is called, what it gave, and on which handle it may have waited
  (import "called" (func $called (param "builtin" u32) (param "first" u32) (param "second" u32)))
  (import "gave" (func $gave
    (param "builtin" u32) (param "first" u32) (param "second" u32) (param "third" u32)
    (param "handle" u32)))
  ;; which callee a call is for, and in bit 8 whether it may not start yet
  (import "callee" (func $callee (result u32)))
  ;; a callee starts: whether it returns at once; it is called back: 0 it acknowledges its
  ;; cancellation, 1 it returns, 2 it waits on
  (import "started" (func $started (param "callee" u32) (result u32)))
  (import "resumed" (func $resumed (param "callee" u32) (param "event" u32) (result u32)))
  ;; the caller's next command, and what it sees
  (import "next" (func $next (result u32)))
  (import "saw" (func $saw (param "what" u32) (param "task" u32) (param "value" u32)))

  ;; --- a callee: one call at a time ---------------------------------------------------------------
  (component $Callee
    (import "started" (func $started (param "callee" u32) (result u32)))
    (import "resumed" (func $resumed (param "callee" u32) (param "event" u32) (result u32)))
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core module $Code
      (import "" "memory" (memory 1))
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "join" (func $join (param i32 i32)))
      (import "" "future-new" (func $future-new (result i64)))
      (import "" "future-read" (func $future-read (param i32 i32) (result i32)))
      (import "" "future-write" (func $future-write (param i32 i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (import "" "task-cancel" (func $task-cancel))
      (import "" "inc" (func $inc))
      (import "" "dec" (func $dec))
      (import "" "started" (func $started (param i32) (result i32)))
      (import "" "resumed" (func $resumed (param i32 i32) (result i32)))
      (global $number (mut i32) (i32.const 0))
      (global $writer (mut i32) (i32.const 0))
      (global $closed (mut i32) (i32.const 0))
      (global $set (mut i32) (i32.const 0))

      (func (export "work") (param $number i32) (result i32)
        (local $ends i64)
        (global.set $number (local.get $number))
        (if (call $started (local.get $number))
          (then (call $task-return) (return (i32.const 0))))
        (global.set $set (call $set-new))
        (local.set $ends (call $future-new))
        (global.set $writer (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (drop (call $future-read (i32.wrap_i64 (local.get $ends)) (i32.const 16)))
        (call $join (i32.wrap_i64 (local.get $ends)) (global.get $set))
        (call $wait))
      (func $wait (result i32)
        (i32.or (i32.shl (global.get $set) (i32.const 4)) (i32.const 2)))
      (func (export "work-callback") (param $event i32) (param i32 i32) (result i32)
        (local $answer i32)
        (local.set $answer (call $resumed (global.get $number) (local.get $event)))
        (if (i32.eq (local.get $answer) (i32.const 2)) (then (return (call $wait))))
        (if (local.get $answer) (then (call $task-return)) (else (call $task-cancel)))
        (i32.const 0))
      (func (export "finish")
        (drop (call $future-write (global.get $writer) (i32.const 16))))
      (func (export "gate") (param $closed i32)
        (if (i32.ne (local.get $closed) (global.get $closed))
          (then
            (global.set $closed (local.get $closed))
            (if (local.get $closed) (then (call $inc)) (else (call $dec)))))))
    (type $future (future))
    (core func $set-new (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $future-new (canon future.new $future))
    (core func $future-read
      (canon future.read $future async (memory (core memory $memory "memory"))))
    (core func $future-write
      (canon future.write $future async (memory (core memory $memory "memory"))))
    (core func $task-return (canon task.return))
    (core func $task-cancel (canon task.cancel))
    (core func $inc (canon backpressure.inc))
    (core func $dec (canon backpressure.dec))
    (core func $started (canon lower (func $started)))
    (core func $resumed (canon lower (func $resumed)))
    (core instance $code (instantiate $Code (with "" (instance
      (export "memory" (memory $memory "memory"))
      (export "set-new" (func $set-new))
      (export "join" (func $join))
      (export "future-new" (func $future-new))
      (export "future-read" (func $future-read))
      (export "future-write" (func $future-write))
      (export "task-return" (func $task-return))
      (export "task-cancel" (func $task-cancel))
      (export "inc" (func $inc))
      (export "dec" (func $dec))
      (export "started" (func $started))
      (export "resumed" (func $resumed))))))
    (func (export "work") async (param "number" u32)
      (canon lift (core func $code "work") async (callback (core func $code "work-callback"))))
    (func (export "finish") (canon lift (core func $code "finish")))
    (func (export "gate") (param "closed" u32) (canon lift (core func $code "gate"))))
{%- for k in callees %}
  (instance $callee{{ k }} (instantiate $Callee
    (with "started" (func $started)) (with "resumed" (func $resumed))))
{%- endfor %}

  ;; --- the peers: the other ends of streams and futures, by channel ---------------------------------
  (component $Peers
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core module $Code
      (import "" "memory" (memory 1))
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "join" (func $join (param i32 i32)))
      (import "" "poll" (func $poll (param i32 i32) (result i32)))
      (import "" "task-return" (func $task-return))
      (import "" "stream-new" (func $stream-new (result i64)))
      (import "" "stream-read" (func $stream-read (param i32 i32 i32) (result i32)))
      (import "" "stream-write" (func $stream-write (param i32 i32 i32) (result i32)))
      (import "" "stream-cancel-read" (func $stream-cancel-read (param i32) (result i32)))
      (import "" "stream-cancel-write" (func $stream-cancel-write (param i32) (result i32)))
      (import "" "stream-drop-readable" (func $stream-drop-readable (param i32)))
      (import "" "stream-drop-writable" (func $stream-drop-writable (param i32)))
      (import "" "future-new" (func $future-new (result i64)))
      (import "" "future-read" (func $future-read (param i32 i32) (result i32)))
      (import "" "future-write" (func $future-write (param i32 i32) (result i32)))
      (import "" "future-cancel-read" (func $future-cancel-read (param i32) (result i32)))
      (import "" "future-cancel-write" (func $future-cancel-write (param i32) (result i32)))
      (import "" "future-drop-readable" (func $future-drop-readable (param i32)))
      (import "" "future-drop-writable" (func $future-drop-writable (param i32)))
      (global $set (mut i32) (i32.const 0))
      (global $never (mut i32) (i32.const 0))

      ;; an end at 1024 + 8 * channel, and what it is: 1 it copies, 2 a future's, 4 a writer
      (func $place (param i32) (result i32)
        (i32.add (i32.const 1024) (i32.mul (local.get 0) (i32.const 8))))
      (func $end (param i32) (result i32) (i32.load (call $place (local.get 0))))
      (func $is (param i32) (result i32) (i32.load offset=4 (call $place (local.get 0))))
      (func $keep (param $channel i32) (param $end i32) (param $is i32)
        (i32.store (call $place (local.get $channel)) (local.get $end))
        (i32.store offset=4 (call $place (local.get $channel)) (local.get $is)))
      (func $mark (param $channel i32) (param $copies i32)
        (call $keep (local.get $channel) (call $end (local.get $channel))
          (i32.or (i32.and (call $is (local.get $channel)) (i32.const 6)) (local.get $copies))))

      (func (export "give-stream") (param i32 i32)
        (call $keep (local.get 0) (local.get 1) (i32.const 0)))
      (func (export "give-future") (param i32 i32)
        (call $keep (local.get 0) (local.get 1) (i32.const 2)))
      (func (export "return-stream") (param i32) (result i32) (call $end (local.get 0)))
      (func (export "return-future") (param i32) (result i32) (call $end (local.get 0)))
      (func $take (param $channel i32) (param $ends i64) (param $is i32) (result i32)
        (call $keep (local.get $channel)
          (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (local.get $is))
        (i32.wrap_i64 (local.get $ends)))
      (func (export "take-stream") (param i32) (result i32)
        (call $take (local.get 0) (call $stream-new) (i32.const 4)))
      (func (export "take-future") (param i32) (result i32)
        (call $take (local.get 0) (call $future-new) (i32.const 6)))

      ;; the event of the copy before is taken first; the task stays, as Wasmtime 50 goes wrong where
      ;; a copy goes on whose task is gone ("resource not present")
      (func (export "copy-callback") (param i32 i32 i32) (result i32) (unreachable))
      (func (export "copy") (param $channel i32) (result i32)
        (local $end i32) (local $is i32) (local $code i32)
        (if (i32.eqz (global.get $set)) (then
          (global.set $set (call $set-new))
          (global.set $never (call $set-new))))
        (local.set $end (call $end (local.get $channel)))
        (if (i32.and (call $is (local.get $channel)) (i32.const 1))
          (then
            (call $join (local.get $end) (global.get $set))
            (drop (call $poll (global.get $set) (i32.const 64)))
            (call $join (local.get $end) (i32.const 0))))
        (local.set $is (i32.and (call $is (local.get $channel)) (i32.const 6)))
        (if (i32.eq (local.get $is) (i32.const 0)) (then
          (local.set $code (call $stream-read (local.get $end) (i32.const 16) (i32.const 1)))))
        (if (i32.eq (local.get $is) (i32.const 2)) (then
          (local.set $code (call $future-read (local.get $end) (i32.const 16)))))
        (if (i32.eq (local.get $is) (i32.const 4)) (then
          (local.set $code (call $stream-write (local.get $end) (i32.const 16) (i32.const 1)))))
        (if (i32.eq (local.get $is) (i32.const 6)) (then
          (local.set $code (call $future-write (local.get $end) (i32.const 16)))))
        (call $mark (local.get $channel) (i32.eq (local.get $code) (i32.const -1)))
        (call $task-return)
        (i32.or (i32.shl (global.get $never) (i32.const 4)) (i32.const 2)))
      (func (export "drop") (param $channel i32)
        (local $end i32) (local $is i32) (local $copies i32)
        (local.set $end (call $end (local.get $channel)))
        (local.set $copies (i32.and (call $is (local.get $channel)) (i32.const 1)))
        (local.set $is (i32.and (call $is (local.get $channel)) (i32.const 6)))
        (if (i32.eq (local.get $is) (i32.const 0)) (then
          (if (local.get $copies) (then (drop (call $stream-cancel-read (local.get $end)))))
          (call $stream-drop-readable (local.get $end))))
        (if (i32.eq (local.get $is) (i32.const 2)) (then
          (if (local.get $copies) (then (drop (call $future-cancel-read (local.get $end)))))
          (call $future-drop-readable (local.get $end))))
        (if (i32.eq (local.get $is) (i32.const 4)) (then
          (if (local.get $copies) (then (drop (call $stream-cancel-write (local.get $end)))))
          (call $stream-drop-writable (local.get $end))))
        (if (i32.eq (local.get $is) (i32.const 6)) (then
          (if (local.get $copies) (then (drop (call $future-cancel-write (local.get $end)))))
          (call $future-drop-writable (local.get $end))))
        (call $mark (local.get $channel) (i32.const 0))))
    (type $stream (stream u8))
    (type $future (future u8))
    (core func $set-new (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $poll (canon waitable-set.poll (memory (core memory $memory "memory"))))
    (core func $task-return (canon task.return))
{%- for kind in ("stream", "future") %}
    (core func ${{ kind }}-new (canon {{ kind }}.new ${{ kind }}))
    (core func ${{ kind }}-read
      (canon {{ kind }}.read ${{ kind }} async (memory (core memory $memory "memory"))))
    (core func ${{ kind }}-write
      (canon {{ kind }}.write ${{ kind }} async (memory (core memory $memory "memory"))))
    (core func ${{ kind }}-cancel-read (canon {{ kind }}.cancel-read ${{ kind }}))
    (core func ${{ kind }}-cancel-write (canon {{ kind }}.cancel-write ${{ kind }}))
    (core func ${{ kind }}-drop-readable (canon {{ kind }}.drop-readable ${{ kind }}))
    (core func ${{ kind }}-drop-writable (canon {{ kind }}.drop-writable ${{ kind }}))
{%- endfor %}
    (core instance $code (instantiate $Code (with "" (instance
      (export "memory" (memory $memory "memory"))
{%- for kind in ("stream", "future") %}
{%- for name in ("new", "read", "write", "cancel-read", "cancel-write", "drop-readable", "drop-writable") %}
      (export "{{ kind }}-{{ name }}" (func ${{ kind }}-{{ name }}))
{%- endfor %}
{%- endfor %}
      (export "set-new" (func $set-new))
      (export "join" (func $join))
      (export "poll" (func $poll))
      (export "task-return" (func $task-return))))))
    (func (export "give-stream") (param "channel" u32) (param "reader" $stream)
      (canon lift (core func $code "give-stream")))
    (func (export "give-future") (param "channel" u32) (param "reader" $future)
      (canon lift (core func $code "give-future")))
    (func (export "return-stream") (param "channel" u32) (result $stream)
      (canon lift (core func $code "return-stream")))
    (func (export "return-future") (param "channel" u32) (result $future)
      (canon lift (core func $code "return-future")))
    (func (export "take-stream") (param "channel" u32) (result $stream)
      (canon lift (core func $code "take-stream")))
    (func (export "take-future") (param "channel" u32) (result $future)
      (canon lift (core func $code "take-future")))
    (func (export "copy") async (param "channel" u32)
      (canon lift (core func $code "copy") async (callback (core func $code "copy-callback"))))
    (func (export "drop") (param "channel" u32) (canon lift (core func $code "drop"))))
  (instance $peers (instantiate $Peers))

  ;; --- the guest --------------------------------------------------------------------------------------
  (component $Guest
    (alias outer $Walk 0 (core module $Core))
    (import "tell" (func $tell (param "line" string)))
    (import "ask" (func $ask (param "line" string) (result string)))
    (import "called" (func $called
      (param "builtin" u32) (param "first" u32) (param "second" u32)))
    (import "gave" (func $gave
      (param "builtin" u32) (param "first" u32) (param "second" u32) (param "third" u32)
      (param "handle" u32)))
    (import "callee" (func $callee (result u32)))
{%- for k in callees %}
    (import "callee{{ k }}" (instance $callee{{ k }}
      (export "work" (func async (param "number" u32)))
      (export "gate" (func (param "closed" u32)))))
{%- endfor %}
    (import "peers" (instance $peers
      (export "give-stream" (func (param "channel" u32) (param "reader" (stream u8))))
      (export "give-future" (func (param "channel" u32) (param "reader" (future u8))))
      (export "return-stream" (func (param "channel" u32) (result (stream u8))))
      (export "return-future" (func (param "channel" u32) (result (future u8))))
      (export "take-stream" (func (param "channel" u32) (result (stream u8))))
      (export "take-future" (func (param "channel" u32) (result (future u8))))))

    ;; the memory of all; an answer lies in a page of its own
    (core module $Memory
      (memory (export "memory") 64)
      (global $answer (mut i32) (i32.const 0))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (if (i32.eqz (global.get $answer))
          (then (global.set $answer (i32.shl (memory.grow (i32.const 1)) (i32.const 16)))))
        (global.get $answer)))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $linear))

    (core func $tell (canon lower (func $tell) (memory $linear)))
    (core func $ask (canon lower (func $ask) (memory $linear) (realloc (core func $memory "realloc"))))
    (core func $called (canon lower (func $called)))
    (core func $gave (canon lower (func $gave)))
    (core func $callee (canon lower (func $callee)))
{%- for k in callees %}
    (core func $work{{ k }} (canon lower (func $callee{{ k }} "work") async))
    (core func $gate{{ k }} (canon lower (func $callee{{ k }} "gate")))
{%- endfor %}
    (core func $give-stream (canon lower (func $peers "give-stream")))
    (core func $give-future (canon lower (func $peers "give-future")))
    (core func $return-stream (canon lower (func $peers "return-stream")))
    (core func $return-future (canon lower (func $peers "return-future")))
    (core func $take-stream (canon lower (func $peers "take-stream")))
    (core func $take-future (canon lower (func $peers "take-future")))
    (type $unit (stream))
    (type $stream (stream u8))
    (type $future (future u8))
{%- for b in builtins if b.canon %}
    (core func $b{{ b.number }} (canon {{ b.canon }}))
{%- endfor %}

    (core module $Observer
      (import "" "memory" (memory 1))
      (import "" "called" (func $called (param i32 i32 i32)))
      (import "" "gave" (func $gave (param i32 i32 i32 i32 i32)))
      (import "" "callee" (func $callee (result i32)))
{%- for k in callees %}
      (import "" "work{{ k }}" (func $work{{ k }} (param i32) (result i32)))
      (import "" "gate{{ k }}" (func $gate{{ k }} (param i32)))
{%- endfor %}
{%- for b in builtins if b.canon %}
      (import "" "b{{ b.number }}" (func $b{{ b.number }}
        {%- for _ in range(b.takes) %} (param i32){% endfor %}
        {%- if b.result %} (result {{ b.result }}){% endif %}))
{%- endfor %}

      ;; get and set the stack pointer of the guest, which is made later
      (type $get (func (result i32)))
      (type $set (func (param i32)))
      (table (export "pointer") 2 2 funcref)
      ;; the waitable of the event that was delivered last
      (global $event (mut i32) (i32.const 0))
      (func (export "event") (result i32) (global.get $event))
      (func (export "deliver") (param i32) (global.set $event (local.get 0)))

      (func $b{{ call_import }} (result i32)
        (local $which i32) (local $result i32)
        (local.set $which (call $callee))
{%- for k in callees %}
        (if (i32.eq (i32.and (local.get $which) (i32.const 255)) (i32.const {{ k }})) (then
          (call $gate{{ k }} (i32.shr_u (local.get $which) (i32.const 8)))
          (local.set $result (call $work{{ k }} (i32.const {{ k }})))))
{%- endfor %}
        (local.get $result))
{% for b in builtins %}
      (func (export "b{{ b.number }}")
        {%- for _ in range(b.takes) %} (param i32){% endfor %}
        {%- if b.result %} (result {{ b.result }}) (local $result {{ b.result }}){% endif %}
        {%- if b.waits %} (local $pointer i32){% endif %}
        {%- if b.name == "context.get" %}
        (local.set $result (call $b{{ b.number }}))
        (call $called (i32.const {{ b.number }})
          (i32.ne (local.get $result) (i32.const 0)) (i32.const 0))
        {%- elif b.name == "context.set" %}
        (call $called (i32.const {{ b.number }})
          (i32.ne (local.get 0) (i32.const 0)) (i32.const 0))
        (call $b{{ b.number }} (local.get 0))
        {%- else %}
        (call $called (i32.const {{ b.number }})
          {%- for place in (0, 1) %}
          {%- if b.reported[place] is defined %} (local.get {{ b.reported[place] }})
          {%- else %} (i32.const 0){% endif %}
          {%- endfor %})
        {%- if b.waits %}
        (local.set $pointer (call_indirect (type $get) (i32.const 0)))
        {%- endif %}
        {% if b.result %}(local.set $result {% endif -%}
        (call $b{{ b.number }}{% for n in range(b.takes) %} (local.get {{ n }}){% endfor %})
        {%- if b.result %}){% endif %}
        {%- if b.waits %}
        ;; other threads have run meanwhile
        (call_indirect (type $set) (local.get $pointer) (i32.const 1))
        {%- endif %}
        {%- if b.gives == "event" %}
        (call $gave (i32.const {{ b.number }}) (local.get $result)
          (i32.load (local.get 1)) (i32.load offset=4 (local.get 1)) (local.get 0))
        (global.set $event (i32.load (local.get 1)))
        {%- elif b.result == "i64" %}
        (call $gave (i32.const {{ b.number }}) (i32.wrap_i64 (local.get $result))
          (i32.wrap_i64 (i64.shr_u (local.get $result) (i64.const 32))) (i32.const 0)
          (i32.const 0))
        {%- elif b.result %}
        (call $gave (i32.const {{ b.number }}) (local.get $result) (i32.const 0) (i32.const 0)
          {% if b.waits %}(local.get 0){% else %}(i32.const 0){% endif %})
        {%- endif %}
        {%- endif %}
        {%- if b.result %}
        (local.get $result)
        {%- endif %})
{%- endfor %}
    )
    (core instance $observer (instantiate $Observer (with "" (instance
      (export "memory" (memory $linear))
      (export "called" (func $called))
      (export "gave" (func $gave))
      (export "callee" (func $callee))
{%- for k in callees %}
      (export "work{{ k }}" (func $work{{ k }}))
      (export "gate{{ k }}" (func $gate{{ k }}))
{%- endfor %}
{%- for b in builtins if b.canon %}
      (export "b{{ b.number }}" (func $b{{ b.number }}))
{%- endfor %}
    ))))
    (core instance $core (instantiate $Core
      (with "env" (instance (export "memory" (memory $linear))))
{%- for module in ("$root", "[export]$root", "wakeproof") %}
      (with "{{ module }}" (instance
{%- for b in builtins if b.module == module %}
        (export "{{ b.field }}" (func $observer "b{{ b.number }}"))
{%- endfor %}
{%- if module == "wakeproof" %}
        (export "event" (func $observer "event"))
        (export "deliver" (func $observer "deliver"))
        (export "tell" (func $tell))
        (export "ask" (func $ask))
        (export "give-stream" (func $give-stream))
        (export "give-future" (func $give-future))
        (export "return-stream" (func $return-stream))
        (export "return-future" (func $return-future))
        (export "take-stream" (func $take-stream))
        (export "take-future" (func $take-future))
{%- endif %}
      ))
{%- endfor %}
    ))

    ;; the exports, each call of which runs on a stack of its own
    (core module $Stacks
      (import "observer" "pointer" (table 2 2 funcref))
      (import "core" "memory" (memory 1))
      (import "core" "__stack_pointer" (global $pointer (mut i32)))
      (import "core" "sync" (func $sync))
{%- for t in tasks %}
      (import "core" "start-{{ t }}" (func $start-{{ t }} (result i32)))
      (import "core" "callback-{{ t }}" (func $callback-{{ t }} (param i32 i32 i32) (result i32)))
{%- endfor %}
      (elem (i32.const 0) func $get $set)
      (func $get (result i32) (global.get $pointer))
      (func $set (param i32) (global.set $pointer (local.get 0)))

      ;; 16 stacks of 16 pages; bit k of `$taken`: a thread is on stack k
      (global $stacks (mut i32) (i32.const 0))
      (global $taken (mut i32) (i32.const 0))
      (func $take (result i32) (local $free i32)
        (if (i32.eqz (global.get $stacks))
          (then (global.set $stacks (i32.shl (memory.grow (i32.const 256)) (i32.const 16)))))
        (local.set $free (i32.ctz (i32.xor (global.get $taken) (i32.const -1))))
        (if (i32.ge_u (local.get $free) (i32.const 16)) (then (unreachable)))
        (global.set $taken
          (i32.or (global.get $taken) (i32.shl (i32.const 1) (local.get $free))))
        (global.set $pointer (i32.add (global.get $stacks)
          (i32.shl (i32.add (local.get $free) (i32.const 1)) (i32.const 20))))
        (local.get $free))
      (func $leave (param $stack i32)
        (global.set $taken
          (i32.xor (global.get $taken) (i32.shl (i32.const 1) (local.get $stack)))))

      (func (export "sync") (local $stack i32)
        (local.set $stack (call $take))
        (call $sync)
        (call $leave (local.get $stack)))
{%- for t in tasks %}
      (func (export "start-{{ t }}") (result i32) (local $stack i32)
        (local.set $stack (call $take))
        (call $start-{{ t }})
        (call $leave (local.get $stack)))
      (func (export "callback-{{ t }}") (param i32 i32 i32) (result i32) (local $stack i32)
        (local.set $stack (call $take))
        (call $callback-{{ t }} (local.get 0) (local.get 1) (local.get 2))
        (call $leave (local.get $stack)))
{%- endfor %}
    )
    (core instance $stacks (instantiate $Stacks
      (with "observer" (instance $observer))
      (with "core" (instance
        (export "memory" (memory $linear))
        (export "__stack_pointer" (global $core "__stack_pointer"))
        (export "sync" (func $core "sync"))
{%- for t in tasks %}
        (export "start-{{ t }}" (func $core "start-{{ t }}"))
        (export "callback-{{ t }}" (func $core "callback-{{ t }}"))
{%- endfor %}
      ))))
    (func (export "set-up") (canon lift (core func $core "set-up")))
    (func (export "sync") (canon lift (core func $stacks "sync")))
    (func (export "sync-lifted") async (canon lift (core func $stacks "sync")))
{%- for t in tasks %}
    (func (export "start-{{ t }}") async (canon lift (core func $stacks "start-{{ t }}")
      async (callback (core func $stacks "callback-{{ t }}"))))
{%- endfor %}
  )
  (instance $guest (instantiate $Guest
    (with "tell" (func $tell)) (with "ask" (func $ask))
    (with "called" (func $called)) (with "gave" (func $gave)) (with "callee" (func $callee))
{%- for k in callees %}
    (with "callee{{ k }}" (instance $callee{{ k }}))
{%- endfor %}
    (with "peers" (instance $peers))))

  ;; --- callers of the export of synchronous type: each waits as long as its call ----------------------
  (component $SyncCaller
    (import "sync" (func $sync))
    (core module $Code
      (import "" "sync" (func $sync))
      (import "" "task-return" (func $task-return))
      ;; who calls this one waits too while `sync` is under way in the same call: so it yields first
      (func (export "call") (result i32) (i32.const 1))
      (func (export "call-callback") (param i32 i32 i32) (result i32)
        (call $sync)
        (call $task-return)
        (i32.const 0)))
    (core func $sync (canon lower (func $sync)))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "sync" (func $sync))
      (export "task-return" (func $task-return))))))
    (func (export "call") async
      (canon lift (core func $code "call") async (callback (core func $code "call-callback")))))
{%- for k in callers %}
  (instance $caller{{ k }} (instantiate $SyncCaller (with "sync" (func $guest "sync"))))
{%- endfor %}

  ;; --- the caller ---------------------------------------------------------------------------------------
  (component $Caller
    (import "next" (func $next (result u32)))
    (import "saw" (func $saw (param "what" u32) (param "task" u32) (param "value" u32)))
    (import "guest" (instance $guest
      (export "set-up" (func))
      (export "sync" (func))
      (export "sync-lifted" (func async))
{%- for t in tasks %}
      (export "start-{{ t }}" (func async))
{%- endfor %}
    ))
{%- for k in callers %}
    (import "caller{{ k }}" (instance $caller{{ k }} (export "call" (func async))))
{%- endfor %}
    (import "peers" (instance $peers
      (export "copy" (func async (param "channel" u32)))
      (export "drop" (func (param "channel" u32)))))
{%- for k in callees %}
    (import "callee{{ k }}" (instance $callee{{ k }}
      (export "finish" (func))
      (export "gate" (func (param "closed" u32)))))
{%- endfor %}
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core module $Code
      (import "" "memory" (memory 1))
      (import "" "next" (func $next (result i32)))
      (import "" "saw" (func $saw (param i32 i32 i32)))
      (import "" "set-up" (func $set-up))
      (import "" "sync" (func $sync))
{%- for k in callers %}
      (import "" "sync{{ k }}" (func $sync{{ k }} (result i32)))
{%- endfor %}
      (import "" "sync-lifted" (func $sync-lifted (result i32)))
{%- for t in tasks %}
      (import "" "start-{{ t }}" (func $start-{{ t }} (result i32)))
{%- endfor %}
      (import "" "copy" (func $copy (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
{%- for k in callees %}
      (import "" "finish{{ k }}" (func $finish{{ k }}))
      (import "" "gate{{ k }}" (func $gate{{ k }} (param i32)))
{%- endfor %}
      (import "" "set-new" (func $set-new (result i32)))
      (import "" "join" (func $join (param i32 i32)))
      (import "" "subtask-cancel" (func $subtask-cancel (param i32) (result i32)))
      (import "" "subtask-drop" (func $subtask-drop (param i32)))
      (import "" "task-return" (func $task-return))
      (global $set (mut i32) (i32.const 0))

      (func $place (param i32) (result i32)
        (i32.add (i32.const 1024) (i32.mul (local.get 0) (i32.const 4))))
      ;; a call of a task's export, 0 for the one that is lifted synchronously
      (func $called (param $task i32) (param $result i32)
        (call $saw (i32.const 0) (local.get $task) (i32.and (local.get $result) (i32.const 15)))
        (if (i32.shr_u (local.get $result) (i32.const 4)) (then
          (i32.store (call $place (local.get $task))
            (i32.shr_u (local.get $result) (i32.const 4)))
          (call $join (i32.shr_u (local.get $result) (i32.const 4)) (global.get $set)))))

      ;; do as told until told to give up the turn
      (func $turn (result i32)
        (local $command i32) (local $what i32) (local $which i32)
        (loop $again
          (local.set $command (call $next))
          (local.set $what (i32.and (local.get $command) (i32.const 255)))
          (local.set $which (i32.shr_u (local.get $command) (i32.const 8)))
          (if (i32.eq (local.get $what) (i32.const 0)) (then (return (i32.const 1))))
          (if (i32.eq (local.get $what) (i32.const 1)) (then
            (return (i32.or (i32.shl (global.get $set) (i32.const 4)) (i32.const 2)))))
          (if (i32.eq (local.get $what) (i32.const 2)) (then
            (call $task-return) (return (i32.const 0))))
          (if (i32.eq (local.get $what) (i32.const 3)) (then
{%- for t in tasks %}
            (if (i32.eq (local.get $which) (i32.const {{ t }})) (then
              (call $called (i32.const {{ t }}) (call $start-{{ t }}))))
{%- endfor %}
          ))
          (if (i32.eq (local.get $what) (i32.const 4)) (then
            ;; Wasmtime wants it out of the set, though it does not wait
            (call $join (i32.load (call $place (local.get $which))) (i32.const 0))
            (call $saw (i32.const 2) (local.get $which)
              (call $subtask-cancel (i32.load (call $place (local.get $which)))))
            (call $join (i32.load (call $place (local.get $which))) (global.get $set))))
{%- for k in callers %}
          (if (i32.eq (local.get $command) (i32.const {{ 5 + 256 * k }})) (then
            (drop (call $sync{{ k }}))))
{%- endfor %}
          (if (i32.eq (local.get $command) (i32.const {{ 5 + 256 * callers | length }})) (then
            (call $sync)))
          (if (i32.eq (local.get $what) (i32.const 6)) (then
            (call $called (i32.const 0) (call $sync-lifted))))
          (if (i32.eq (local.get $what) (i32.const 7)) (then
            (drop (call $copy (local.get $which)))))
          (if (i32.eq (local.get $what) (i32.const 8)) (then (call $drop (local.get $which))))
{%- for k in callees %}
          (if (i32.eq (local.get $command) (i32.const {{ 9 + 256 * k }})) (then
            (call $gate{{ k }} (i32.const 0))))
          (if (i32.eq (local.get $command) (i32.const {{ 10 + 256 * k }})) (then
            (call $finish{{ k }})))
{%- endfor %}
          (br $again))
        (unreachable))
      (func (export "run") (result i32)
        (global.set $set (call $set-new))
        (call $set-up)
        (call $turn))
      (func (export "run-callback") (param $event i32) (param $subtask i32) (param $state i32)
        (result i32) (local $task i32)
        (if (i32.eq (local.get $event) (i32.const 1)) (then
          ;; a task that was called again since then is not found
          (loop $find
            (if (i32.and
                (i32.ne (i32.load (call $place (local.get $task))) (local.get $subtask))
                (i32.le_u (local.get $task) (i32.const {{ tasks | length }})))
              (then
                (local.set $task (i32.add (local.get $task) (i32.const 1)))
                (br $find))))
          (call $saw (i32.const 1) (local.get $task) (local.get $state))
          (if (i32.ge_u (local.get $state) (i32.const 2)) (then
            (call $join (local.get $subtask) (i32.const 0))
            (call $subtask-drop (local.get $subtask))
            (i32.store (call $place (local.get $task)) (i32.const 0))))))
        (call $turn)))
    (core func $next (canon lower (func $next)))
    (core func $saw (canon lower (func $saw)))
    (core func $set-up (canon lower (func $guest "set-up")))
    (core func $sync (canon lower (func $guest "sync")))
{%- for k in callers %}
    (core func $sync{{ k }} (canon lower (func $caller{{ k }} "call") async))
{%- endfor %}
    (core func $sync-lifted (canon lower (func $guest "sync-lifted") async))
{%- for t in tasks %}
    (core func $start-{{ t }} (canon lower (func $guest "start-{{ t }}") async))
{%- endfor %}
    (core func $copy (canon lower (func $peers "copy") async))
    (core func $drop (canon lower (func $peers "drop")))
{%- for k in callees %}
    (core func $finish{{ k }} (canon lower (func $callee{{ k }} "finish")))
    (core func $gate{{ k }} (canon lower (func $callee{{ k }} "gate")))
{%- endfor %}
    (core func $set-new (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $subtask-cancel (canon subtask.cancel async))
    (core func $subtask-drop (canon subtask.drop))
    (core func $task-return (canon task.return))
    (core instance $code (instantiate $Code (with "" (instance
      (export "memory" (memory $memory "memory"))
      (export "next" (func $next))
      (export "saw" (func $saw))
      (export "set-up" (func $set-up))
      (export "sync" (func $sync))
{%- for k in callers %}
      (export "sync{{ k }}" (func $sync{{ k }}))
{%- endfor %}
      (export "sync-lifted" (func $sync-lifted))
{%- for t in tasks %}
      (export "start-{{ t }}" (func $start-{{ t }}))
{%- endfor %}
      (export "copy" (func $copy))
      (export "drop" (func $drop))
{%- for k in callees %}
      (export "finish{{ k }}" (func $finish{{ k }}))
      (export "gate{{ k }}" (func $gate{{ k }}))
{%- endfor %}
      (export "set-new" (func $set-new))
      (export "join" (func $join))
      (export "subtask-cancel" (func $subtask-cancel))
      (export "subtask-drop" (func $subtask-drop))
      (export "task-return" (func $task-return))))))
    (func (export "run") async
      (canon lift (core func $code "run") async (callback (core func $code "run-callback"))))
  )
  (instance $caller (instantiate $Caller
    (with "next" (func $next)) (with "saw" (func $saw)) (with "guest" (instance $guest))
{%- for k in callers %}
    (with "caller{{ k }}" (instance $caller{{ k }}))
{%- endfor %}
{%- for k in callees %}
    (with "callee{{ k }}" (instance $callee{{ k }}))
{%- endfor %}
    (with "peers" (instance $peers))))
  (func (export "run") (alias export $caller "run"))
)
