---- MODULE subtask_v3_v2_v3 ----
(* A subtask through all its states

   Scenario subtask, mix v3/v2/v3, written by `wakeproof export subtask --to tla`.

     java -XX:+UseParallelGC -jar tla2tools.jar -deadlock -continue subtask_v3_v2_v3.tla

   `distinct states found` are the reachable states. A state in which something went wrong has no
   successor and is not counted: it breaks the invariant that its kind of going wrong has. *)
EXTENDS Integers, FiniteSets, TLC

VARIABLE machine

None == -1

ExecutorRole_EXPORT == 0
ExecutorRole_BLOCK_ON == 1
ExecutorRole == 0 .. 1
ImportRole_IMPORT == 0
ImportRole == 0 .. 0
Release_R1 == 0
Release_R2 == 1
Release_R3 == 2
Release == 0 .. 2
HandleKind_FREE == 0
HandleKind_WAITABLE_SET == 1
HandleKind_STREAM_READ == 2
HandleKind_STREAM_WRITE == 3
HandleKind_FUTURE_READ == 4
HandleKind_FUTURE_WRITE == 5
HandleKind_SUBTASK == 6
HandleKind == 0 .. 6
CopyState_IDLE == 0
CopyState_COPYING == 1
CopyState_CANCELLING_COPY == 2
CopyState_DONE == 3
CopyState == 0 .. 3
Side_NONE == 0
Side_READ == 1
Side_WRITE == 2
Side == 0 .. 2
Pending_NOTHING == 0
Pending_COMPLETED == 1
Pending_DROPPED == 2
Pending_CANCELLED == 3
Pending_SUBTASK == 4
Pending == 0 .. 4
SubtaskState_STARTING == 0
SubtaskState_STARTED == 1
SubtaskState_RETURNED == 2
SubtaskState_CANCELLED_BEFORE_STARTED == 3
SubtaskState_CANCELLED_BEFORE_RETURNED == 4
SubtaskState == 0 .. 4
Code_NONE == 0
Code_BLOCKED == 1
Code_COMPLETED_0 == 2
Code_COMPLETED_1 == 3
Code_DROPPED_0 == 4
Code_DROPPED_1 == 5
Code_CANCELLED_0 == 6
Code_CANCELLED_1 == 7
Code_STARTING == 8
Code_STARTED == 9
Code_RETURNED == 10
Code_CANCELLED_BEFORE_STARTED == 11
Code_CANCELLED_BEFORE_RETURNED == 12
Code == 0 .. 12
HostTask_INITIAL == 0
HostTask_STARTED == 1
HostTask_PENDING_CANCEL == 2
HostTask_CANCEL_DELIVERED == 3
HostTask_RESOLVED == 4
HostTask == 0 .. 4
Event_NONE == 0
Event_WAITABLE == 1
Event_CANCEL == 2
Event == 0 .. 2
CallbackCode_EXIT == 0
CallbackCode_YIELD == 1
CallbackCode_WAIT == 2
CallbackCode == 0 .. 2
Phase_ENDED == 0
Phase_POLLING == 1
Phase_SET_POLL == 2
Phase_WAITING == 3
Phase_YIELDED == 4
Phase_CANCELLING == 5
Phase_BLOCKED_WAIT == 6
Phase_BLOCKED_POLL == 7
Phase_DROPPING == 8
Phase == 0 .. 8
SleepState_POLLING == 0
SleepState_WOKEN == 1
SleepState_SLEEPING == 2
SleepState == 0 .. 2
Polled_PROGRAM == 0
Polled_PENDING == 1
Polled_SOME == 2
Polled_READY == 3
Polled == 0 .. 3
OperationKind_STREAM_READ == 0
OperationKind_STREAM_WRITE == 1
OperationKind_FUTURE_READ == 2
OperationKind_FUTURE_WRITE == 3
OperationKind_SUBTASK == 4
OperationKind == 0 .. 4
OperationState_FREE == 0
OperationState_START == 1
OperationState_IN_PROGRESS == 2
OperationState_DONE == 3
OperationState == 0 .. 3
WakerKind_NONE == 0
WakerKind_NOOP == 1
WakerKind_CONTEXT == 2
WakerKind_DEFERRED == 3
WakerKind == 0 .. 3
SyncState_FREE == 0
SyncState_OF_TYPE == 1
SyncState_LIFTED == 2
SyncState == 0 .. 2
Task == 0 .. 1  \* 0 left, 1 right
Operation == 0 .. 0  \* 0 call
Handle == 0 .. 4  \* 0 h1, 1 h2, 2 h3, 3 h4, 4 h5
Channel == 0 .. -1  \* 
Future == 0 .. 1  \* 0 left-body, 1 right-body
SyncExport == 0 .. 1  \* 0 syncexport1, 1 syncexport2

p_kind == [Operation_ \in Operation |-> OperationKind_SUBTASK]
p_channel == [Operation_ \in Operation |-> None]
p_is_future == [Channel_ \in Channel |-> None]
p_remote == [Channel_ \in Channel |-> None]
p_opened == [Channel_ \in Channel |-> None]
p_may_export == [Task_ \in Task |-> TRUE]
p_may_block_on == [Task_ \in Task |-> FALSE]
p_single_use == FALSE
p_root == (0 :> 0 @@ 1 :> 1)
p_task_of == (0 :> 0 @@ 1 :> 1)
p_inter_task_channel == [Task_ \in Task |-> None]
p_deferred_write == [Channel_ \in Channel |-> None]
p_inter_task_wakeup == [ExecutorRole_ \in ExecutorRole |-> FALSE]
p_async_spawn == [ExecutorRole_ \in ExecutorRole |-> FALSE]
p_import_spawns == FALSE
p_keep_completed == FALSE
p_keep_join_handles == FALSE
p_next_handle == (0 :> 1 @@ 1 :> 2 @@ 2 :> 3 @@ 3 :> 4 @@ 4 :> None)
p_first_handle == 0
p_next_export == (0 :> 1 @@ 1 :> None)

Init == machine = [
  slot |-> [Handle_ \in Handle |-> HandleKind_FREE],
  next_free |-> (0 :> 1 @@ 1 :> 2 @@ 2 :> 3 @@ 3 :> 4 @@ 4 :> None),
  free_head |-> 0,
  wset |-> [Handle_ \in Handle |-> None],
  pending |-> [Handle_ \in Handle |-> Pending_NOTHING],
  end_channel |-> [Handle_ \in Handle |-> None],
  copy_state |-> [Handle_ \in Handle |-> CopyState_IDLE],
  progress |-> [Handle_ \in Handle |-> FALSE],
  subtask_state |-> [Handle_ \in Handle |-> SubtaskState_STARTING],
  resolve_delivered |-> [Handle_ \in Handle |-> FALSE],
  cancellation_requested |-> [Handle_ \in Handle |-> FALSE],
  dropped |-> [Channel_ \in Channel |-> None],
  pending_side |-> [Channel_ \in Channel |-> None],
  remote_done |-> [Channel_ \in Channel |-> None],
  host_task |-> [Task_ \in Task |-> HostTask_INITIAL],
  context |-> [Task_ \in Task |-> FALSE],
  wasip3_task |-> None,
  saved_task |-> [Task_ \in Task |-> None],
  running |-> None,
  caller |-> [Task_ \in Task |-> None],
  sync_export |-> FALSE,
  sync_lifted |-> FALSE,
  interrupted |-> None,
  phase |-> [Task_ \in Task |-> Phase_ENDED],
  used |-> [Task_ \in Task |-> FALSE],
  alive |-> [Task_ \in Task |-> FALSE],
  executor_role |-> [Task_ \in Task |-> ExecutorRole_EXPORT],
  polling |-> [Task_ \in Task |-> None],
  stream |-> [Task_ \in Task |-> None],
  stream_reading |-> [Task_ \in Task |-> FALSE],
  strong_count |-> [Task_ \in Task |-> 0],
  sleep_state |-> [Task_ \in Task |-> SleepState_POLLING],
  waker_stream |-> [Task_ \in Task |-> None],
  waitables |-> [Task_ \in Task |-> [Handle_ \in Handle |-> None]],
  dangling |-> [Task_ \in Task |-> [Handle_ \in Handle |-> FALSE]],
  waitable_set |-> [Task_ \in Task |-> None],
  future_task |-> [Future_ \in Future |-> None],
  link_rank |-> [Future_ \in Future |-> 0],
  queue_rank |-> [Future_ \in Future |-> 0],
  woken |-> [Future_ \in Future |-> FALSE],
  queue_waker |-> [Task_ \in Task |-> FALSE],
  poll_len |-> [Task_ \in Task |-> 0],
  polled |-> [Task_ \in Task |-> 0],
  yielded |-> [Task_ \in Task |-> 0],
  spawned_in |-> [Future_ \in Future |-> None],
  spawned_rank |-> [Future_ \in Future |-> 0],
  state |-> [Operation_ \in Operation |-> OperationState_FREE],
  code |-> [Operation_ \in Operation |-> Code_NONE],
  waker |-> [Operation_ \in Operation |-> WakerKind_NONE],
  waker_future |-> [Operation_ \in Operation |-> None],
  subtask |-> [Operation_ \in Operation |-> None],
  started |-> [Operation_ \in Operation |-> FALSE],
  readable |-> [Channel_ \in Channel |-> None],
  writable |-> [Channel_ \in Channel |-> None],
  reader_done |-> [Channel_ \in Channel |-> None],
  writer_done |-> [Channel_ \in Channel |-> None],
  owner |-> [Operation_ \in Operation |-> None],
  deferred |-> [Operation_ \in Operation |-> FALSE],
  kept_waker |-> [Future_ \in Future |-> FALSE],
  join_handle |-> [Future_ \in Future |-> FALSE],
  rx_task |-> [Future_ \in Future |-> None],
  sync_state |-> [SyncExport_ \in SyncExport |-> SyncState_FREE],
  sync_running |-> None,
  sync_caller |-> [Task_ \in Task |-> None],
  stack_pointer |-> 0,
  frame |-> [Task_ \in Task |-> 0],
  sync_frame |-> [SyncExport_ \in SyncExport |-> 0],
  do_not_suspend |-> FALSE,
  old_do_not_suspend |-> [SyncExport_ \in SyncExport |-> FALSE],
  starting |-> FALSE,
  switching |-> None,
  lifted_switching |-> FALSE,
  cancel_event |-> [Task_ \in Task |-> FALSE],
  cabi_task |-> [Operation_ \in Operation |-> None],
  registered |-> [Operation_ \in Operation |-> None],
  aborted |-> [Future_ \in Future |-> FALSE],
  abort_waker |-> [Future_ \in Future |-> FALSE],
  kind |-> "", wrong |-> ""]

(* program.py:83 The future that is being polled on top of the stack. *)
current_future(s) ==
  LET running == s.running IN
  IF ((running = None) \/ (s.phase[running] = Phase_DROPPING))
  THEN
    None
  ELSE
    s.polling[running]

(* hosts/spec_26e6ea9d.py:253 The code of an export runs that is no callback task. *)
sync_export_runs(s) ==
  (~(s.sync_running = None))

(* spawn.py:273 Whether the program's code runs on behalf of this task. *)
in_program(s, task) ==
  ((s.phase[task] = Phase_POLLING) \/ (s.phase[task] = Phase_DROPPING))

(* program.py:69 The program's code runs: a future is polled or dropped, or an export of synchronous type. *)
program_runs(s) ==
  LET running == s.running IN
  IF (running = None)
  THEN
    sync_export_runs(s)
  ELSE
    in_program(s, running)

(* program.py:126 The slot holds an operation. *)
exists(s, operation) ==
  (s.state[operation] # OperationState_FREE)

(* program.py:131 An operation borrows (a stream's) or owns (a future's) this end. *)
is_busy(s, channel, kind) ==
  (\E operation \in Operation : (exists(s, operation) /\ (None = channel) /\ (OperationKind_SUBTASK = kind) /\ (~(p_is_future[channel] /\ (s.state[operation] = OperationState_DONE)))))

(* program.py:142 A new operation can be made on its end. *)
end_is_free(s, operation) ==
  LET channel == None IN
  IF (channel = None)
  THEN
    TRUE
  ELSE
    LET kind == OperationKind_SUBTASK IN
    IF ((kind = OperationKind_STREAM_READ) \/ (kind = OperationKind_FUTURE_READ))
    THEN
      ((~(s.readable[channel] = None)) /\ (~is_busy(s, channel, kind)))
    ELSE
      ((~(s.writable[channel] = None)) /\ (~is_busy(s, channel, kind)))

(* spawn.py:60 The child at the head of the list: linked last, the first that is dropped. *)
head_all(s, task) ==
  LET children == Cardinality({future \in Future : (s.future_task[future] = task)}) IN
  LET head == None IN
  LET future_2 == 0 IN
  LET Rest(s_2, head_2) ==
      LET future_3 == 1 IN
      LET Rest_2(s_3, head_3) ==
          head_3
      IN
      IF ((s_2.future_task[future_3] = task) /\ (s_2.link_rank[future_3] = children))
      THEN
        LET head_4 == future_3 IN
        Rest_2(s_2, head_4)
      ELSE
        Rest_2(s_2, head_2)
  IN
  IF ((s.future_task[future_2] = task) /\ (s.link_rank[future_2] = children))
  THEN
    LET head_5 == future_2 IN
    Rest(s, head_5)
  ELSE
    Rest(s, head)

(* spawn.py:117 The future whose destructor runs: the one that is polled, if it was aborted; else its task drops its children from the head on. *)
dropped_now(s, task) ==
  IF (s.phase[task] # Phase_DROPPING)
  THEN
    None
  ELSE
    LET future == s.polling[task] IN
    (IF (future = None) THEN head_all(s, task) ELSE future)

(* spawn.py:126 The destructor of this future runs. *)
is_dropped_now(s, future) ==
  LET task == s.future_task[future] IN
  ((~(task = None)) /\ (dropped_now(s, task) = future))

(* program.py:97 The future that runs is `owner`, or borrows from it through the frames between them. *)
is_within_reach(s, owner) ==
  LET frame == s.running IN
  LET reached == FALSE IN
  LET turn == 0 IN
  LET Rest(s_2, reached_2, frame_2) ==
      LET turn_2 == 1 IN
      LET Rest_2(s_3, reached_3, frame_3) ==
          reached_3
      IN
      IF ((~(frame_2 = None)) /\ (~reached_2))
      THEN
        LET future == s_2.polling[frame_2] IN
        LET reached_4 == ((future = owner) \/ ((s_2.future_task[owner] = frame_2) /\ is_dropped_now(s_2, owner))) IN
        LET spawned == ((~(future = None)) /\ (p_task_of[future] = None)) IN
        LET frame_4 == (IF spawned THEN None ELSE s_2.caller[frame_2]) IN
        Rest_2(s_2, reached_4, frame_4)
      ELSE
        Rest_2(s_2, reached_2, frame_2)
  IN
  IF ((~(frame = None)) /\ (~reached))
  THEN
    LET future_2 == s.polling[frame] IN
    LET reached_5 == ((future_2 = owner) \/ ((s.future_task[owner] = frame) /\ is_dropped_now(s, owner))) IN
    LET spawned_2 == ((~(future_2 = None)) /\ (p_task_of[future_2] = None)) IN
    LET frame_5 == (IF spawned_2 THEN None ELSE s.caller[frame]) IN
    Rest(s, reached_5, frame_5)
  ELSE
    Rest(s, reached, frame)

(* program.py:91 The code that runs can reach the operation. *)
may_borrow(s, operation) ==
  LET owner == s.owner[operation] IN
  ((~s.deferred[operation]) /\ ((owner = None) \/ is_within_reach(s, owner)))

(* program.py:153 The operation can be polled here, made first if its slot is free. *)
may_poll(s, operation) ==
  IF (s.state[operation] = OperationState_FREE)
  THEN
    (end_is_free(s, operation) /\ FALSE)
  ELSE
    ((s.state[operation] # OperationState_DONE) /\ may_borrow(s, operation))

(* program.py:186 Poll an operation with the waker of the future that runs. *)
can_poll(s, operation) ==
  LET future == current_future(s) IN
  IF (~(~(future = None)))
  THEN
    FALSE
  ELSE
    IF (~(program_runs(s) /\ may_poll(s, operation)))
    THEN
      FALSE
    ELSE
      TRUE

(* program.py:223 The slot is free for a call, and a callee can answer so at once. *)
may_call(s, operation, answer) ==
  ((s.state[operation] = OperationState_FREE) /\ ((answer = SubtaskState_STARTING) \/ (answer = SubtaskState_STARTED) \/ (answer = SubtaskState_RETURNED)))

(* program.py:209 Call an async import: the first poll of a subtask, which comes as far as `answer`. *)
can_call_import(s, operation, answer) ==
  LET future == current_future(s) IN
  IF (~(~(future = None)))
  THEN
    FALSE
  ELSE
    IF (~(program_runs(s) /\ may_call(s, operation, answer)))
    THEN
      FALSE
    ELSE
      TRUE

(* program.py:121 The destructor of this future runs on top of the stack. *)
may_drop(s, owner) ==
  ((s.future_task[owner] = s.running) /\ is_dropped_now(s, owner))

(* program.py:113 The code that runs can move or drop the operation. *)
may_take(s, operation) ==
  LET owner == s.owner[operation] IN
  ((~s.deferred[operation]) /\ ((owner = None) \/ (owner = current_future(s)) \/ may_drop(s, owner)))

(* host.py:392 `Subtask.resolved`. *)
resolved(s, handle) ==
  ((s.slot[handle] = HandleKind_SUBTASK) /\ ((s.subtask_state[handle] # SubtaskState_STARTING) /\ (s.subtask_state[handle] # SubtaskState_STARTED)))

(* program.py:247 The operation is a call whose callee has started. *)
may_return(s, operation) ==
  LET handle == s.subtask[operation] IN
  ((~(handle = None)) /\ (~resolved(s, handle)) /\ (s.slot[handle] = HandleKind_SUBTASK) /\ (s.subtask_state[handle] = SubtaskState_STARTED))

(* program.py:240 Drop an operation; a subtask's callee that has started may return all the same. *)
can_drop_operation(s, operation, callee_returns) ==
  IF (~(program_runs(s) /\ exists(s, operation) /\ may_take(s, operation)))
  THEN
    FALSE
  ELSE
    IF (~((~callee_returns) \/ may_return(s, operation)))
    THEN
      FALSE
    ELSE
      TRUE

(* program.py:259 Move an operation into shared storage. *)
can_move_to_storage(s, operation) ==
  IF (~(program_runs(s) /\ exists(s, operation) /\ may_take(s, operation)))
  THEN
    FALSE
  ELSE
    IF (~(~(s.owner[operation] = None)))
    THEN
      FALSE
    ELSE
      TRUE

(* program.py:310 The future was woken, and will be polled again. *)
is_woken(s, future) ==
  LET running == s.running IN
  IF (running = None)
  THEN
    FALSE
  ELSE
    (s.sleep_state[running] = SleepState_WOKEN)

(* program.py:351 The waker of this future is kept somewhere, or the future was woken already. *)
will_be_woken(s, future) ==
  (is_woken(s, future) \/ s.kept_waker[future] \/ (\E operation \in Operation : ((s.state[operation] = OperationState_IN_PROGRESS) /\ (s.waker[operation] = WakerKind_CONTEXT) /\ (s.waker_future[operation] = future))) \/ (\E other \in Future : (s.rx_task[other] = future)))

(* program.py:339 The future that runs returns Pending; somebody knows its waker. *)
can_return_pending(s) ==
  LET future == current_future(s) IN
  IF (~(~(future = None)))
  THEN
    FALSE
  ELSE
    IF (~(program_runs(s) /\ will_be_woken(s, future)))
    THEN
      FALSE
    ELSE
      LET running == s.running IN
      IF (~(~(running = None)))
      THEN
        FALSE
      ELSE
        TRUE

(* program.py:367 The future that runs is done; it owns nothing any more. *)
can_return_ready(s) ==
  LET future == current_future(s) IN
  IF (~(~(future = None)))
  THEN
    FALSE
  ELSE
    IF (~program_runs(s))
    THEN
      FALSE
    ELSE
      IF (~(~(\E operation \in Operation : (s.owner[operation] = future))))
      THEN
        FALSE
      ELSE
        LET running == s.running IN
        IF (~(~(running = None)))
        THEN
          FALSE
        ELSE
          TRUE

(* hosts/spec_26e6ea9d.py:73 Code of the instance runs. *)
a_frame_runs(s) ==
  ((~(s.running = None)) \/ (~(s.sync_running = None)))

(* hosts/spec_26e6ea9d.py:78 The task's frame is on the stack: a callback has not returned, or it is a `block_on`. *)
has_turn(s, task) ==
  LET phase == s.phase[task] IN
  (s.alive[task] /\ ((s.executor_role[task] = ExecutorRole_BLOCK_ON) \/ (phase = Phase_POLLING) \/ (phase = Phase_SET_POLL) \/ (phase = Phase_DROPPING)))

(* hosts/spec_26e6ea9d.py:89 `exclusive_thread`: a callback or an export lifted synchronously has not returned. *)
lock_is_held(s) ==
  ((\E task \in Task : ((s.executor_role[task] = ExecutorRole_EXPORT) /\ (has_turn(s, task) \/ (s.phase[task] = Phase_CANCELLING)))) \/ (\E export \in SyncExport : (s.sync_state[export] = SyncState_LIFTED)))

(* hosts/spec_26e6ea9d.py:140 No frame runs, and nobody has the exclusive lock. *)
idle(s) ==
  ((~a_frame_runs(s)) /\ (~lock_is_held(s)))

(* hosts/wasmtime_50.py:63 Who waited last is held to the rule: a thread of the instance has to go on. *)
must_switch(s) ==
  ((~(s.switching = None)) \/ s.lifted_switching)

(* hosts/spec_26e6ea9d.py:146 The callers and the peers outside may act. *)
outside_runs(s) ==
  ((~a_frame_runs(s)) /\ (~must_switch(s)) /\ (~(\E task \in Task : (s.phase[task] = Phase_CANCELLING))))

(* hosts/spec_26e6ea9d.py:206 An export of async type can be entered; one that finds the lock taken waits outside. *)
may_call_export(s) ==
  (idle(s) /\ outside_runs(s))

(* spawn.py:268 Nothing polls the future any more: it was dropped, and its `JoinHandle` is ready. *)
is_gone(s, future) ==
  ((s.future_task[future] = None) /\ (s.spawned_in[future] = None))

(* world.py:80 No waker, owner, queue or handle refers to this future any more. *)
future_is_unknown(s, future) ==
  (is_gone(s, future) /\ (~s.join_handle[future]) /\ (~(\E other \in Future : (s.rx_task[other] = future))) /\ (~s.kept_waker[future]) /\ (~(\E operation \in Operation : ((s.waker_future[operation] = future) \/ (s.owner[operation] = future)))))

(* world.py:94 The memory of this slot belongs to no task; with `single_use`, it never did. *)
slot_is_free(s, task) ==
  ((~s.alive[task]) /\ (s.strong_count[task] = 0) /\ (~s.used[task]) /\ future_is_unknown(s, p_root[task]))

(* world.py:125 Call an async export. *)
can_call_export(s, task) ==
  IF (~(may_call_export(s) /\ slot_is_free(s, task)))
  THEN
    FALSE
  ELSE
    TRUE

(* host.py:109 Whether the host may deliver the event of `handle` to a wait on the task's set. *)
deliverable(s, task, handle) ==
  LET wset == s.waitable_set[task] IN
  ((~(wset = None)) /\ (s.wset[handle] = wset) /\ (s.pending[handle] # Pending_NOTHING))

(* hosts/wasmtime_50.py:83 `GuestTask.event` is a cancellation. *)
cancel_is_pending(s, task) ==
  s.cancel_event[task]

(* hosts/spec_26e6ea9d.py:303 `wait_from_callback`, lines 780 to 791: a cancellation that is pending comes first. *)
may_deliver_event(s, task, waitable) ==
  (idle(s) /\ (s.phase[task] = Phase_WAITING) /\ deliverable(s, task, waitable) /\ (~cancel_is_pending(s, task)))

(* world.py:185 Call back a task that returned WAIT. *)
can_deliver_event(s, task, waitable) ==
  IF (~may_deliver_event(s, task, waitable))
  THEN
    FALSE
  ELSE
    TRUE

(* hosts/spec_26e6ea9d.py:314 The callback loop after YIELD, lines 2098 to 2102: a cancellation comes first. *)
may_resume_yielded(s, task) ==
  (idle(s) /\ (s.phase[task] = Phase_YIELDED) /\ (~cancel_is_pending(s, task)))

(* world.py:198 Call back a task that returned YIELD. *)
can_resume_yielded(s, task) ==
  IF (~may_resume_yielded(s, task))
  THEN
    FALSE
  ELSE
    TRUE

(* host.py:115 `WaitableSet.has_pending_event` of the task's set. *)
has_pending_event(s, task) ==
  (\E handle \in Handle : deliverable(s, task, handle))

(* world.py:329 A poll answers an event of the set; nothing only if there is none. *)
may_answer(s, task, waitable) ==
  IF (waitable = None)
  THEN
    (~has_pending_event(s, task))
  ELSE
    deliverable(s, task, waitable)

(* world.py:314 Answer the poll inside `callback`: an event is delivered and the loop goes on. *)
can_waitable_set_poll(s, task, waitable) ==
  IF (~((s.running = task) /\ (s.phase[task] = Phase_SET_POLL)))
  THEN
    FALSE
  ELSE
    IF (~may_answer(s, task, waitable))
    THEN
      FALSE
    ELSE
      TRUE

(* world.py:374 The callee of a subtask starts, or returns. *)
can_subtask_progress(s, handle) ==
  IF (~(outside_runs(s) /\ (s.slot[handle] = HandleKind_SUBTASK) /\ (~resolved(s, handle))))
  THEN
    FALSE
  ELSE
    TRUE

(* hosts/spec_26e6ea9d.py:98 The task is on top of a thread that waits in the host. *)
waits_suspended(s, task) ==
  ((s.phase[task] = Phase_BLOCKED_WAIT) /\ (s.running # task))

(* hosts/wasmtime_50.py:74 The rule holds for this task; after an export that was lifted, for whoever still waits. *)
is_held(s, task) ==
  ((s.switching = task) \/ (s.lifted_switching /\ (waits_suspended(s, task) \/ (~(\E other \in Task : waits_suspended(s, other))))))

(* hosts/spec_26e6ea9d.py:103 The callback of the task has returned WAIT or YIELD. *)
is_parked(s, task) ==
  ((s.executor_role[task] = ExecutorRole_EXPORT) /\ ((s.phase[task] = Phase_WAITING) \/ (s.phase[task] = Phase_YIELDED)))

(* hosts/spec_26e6ea9d.py:110 The parked task has something to be called back with. *)
is_due(s, task) ==
  (is_parked(s, task) /\ ((s.phase[task] = Phase_YIELDED) \/ has_pending_event(s, task) \/ cancel_is_pending(s, task)))

(* hosts/spec_26e6ea9d.py:117 `Store.tick`: some thread of the instance can go on. *)
a_thread_is_ready(s) ==
  (\E task \in Task : ((waits_suspended(s, task) /\ has_pending_event(s, task)) \/ (s.phase[task] = Phase_CANCELLING) \/ (is_due(s, task) /\ (~lock_is_held(s)))))

(* hosts/wasmtime_50.py:121 A call of an export of synchronous type has not returned. *)
a_sync_export_is_open(s) ==
  (\E export \in SyncExport : (s.sync_state[export] = SyncState_OF_TYPE))

(* hosts/wasmtime_50.py:127 The same trap, though no call of synchronous type is in progress: the flag was left on. *)
can_trap_without_sync_export(s, task) ==
  IF (~(is_held(s, task) /\ (~a_thread_is_ready(s)) /\ (~a_sync_export_is_open(s))))
  THEN
    FALSE
  ELSE
    TRUE

(* hosts/wasmtime_50.py:134 `handle_work_item` (1600-1634): the callback that was picked has to wait for the lock. *)
can_put_call_aside(s, task) ==
  IF (~(must_switch(s) /\ is_due(s, task) /\ lock_is_held(s)))
  THEN
    FALSE
  ELSE
    TRUE

(* waitable.py:151 `WaitableOperation::new`. *)
operation_new(s, operation) ==
  LET s_2 == [s EXCEPT !.state[operation] = OperationState_START] IN
  LET s_3 == [s_2 EXCEPT !.code[operation] = Code_NONE] IN
  s_3

(* host.py:36 `Table.add`: the index freed last, else the next one never used. *)
table_add(s, kind) ==
  LET handle == s.free_head IN
  IF (handle = None)
  THEN
    [s |-> [s EXCEPT !.kind = "bound", !.wrong = "bound handles"], r |-> None]
  ELSE
    LET s_2 == [s EXCEPT !.free_head = s.next_free[handle]] IN
    LET s_3 == [s_2 EXCEPT !.next_free[handle] = None] IN
    LET s_4 == [s_3 EXCEPT !.slot[handle] = kind] IN
    [s |-> s_4, r |-> handle]

(* host.py:421 An async-lowered call whose callee came as far as `answer` at once. *)
canon_lower(s, answer) ==
  IF (answer = SubtaskState_RETURNED)
  THEN
    [s |-> s, r |-> None]
  ELSE
    LET c == table_add(s, HandleKind_SUBTASK) IN
    IF c.s.wrong # "" THEN [s |-> c.s, r |-> None] ELSE
    LET s_2 == [c.s EXCEPT !.subtask_state[c.r] = answer] IN
    [s |-> s_2, r |-> c.r]

(* waitable_op.py:57 `SubtaskOps::start`. *)
start_subtask(s, operation, answer) ==
  LET c == canon_lower(s, answer) IN
  IF c.s.wrong # "" THEN [s |-> c.s, r |-> None] ELSE
  LET s_2 == [c.s EXCEPT !.subtask[operation] = c.r] IN
  LET s_3 == [s_2 EXCEPT !.started[operation] = FALSE] IN
  IF (answer = SubtaskState_RETURNED)
  THEN
    [s |-> s_3, r |-> Code_RETURNED]
  ELSE
    [s |-> s_3, r |-> (IF (answer = SubtaskState_STARTING) THEN Code_STARTING ELSE Code_STARTED)]

(* waitable_op.py:29 The handle of the stream or future end that the operation works on. *)
end_of(s, operation) ==
  LET t1 == None IN
  IF (t1 = None)
  THEN
    [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic stream_support::RawStreamReader.handle::handle-present"], r |-> None]
  ELSE
    LET channel == t1 IN
    LET kind == OperationKind_SUBTASK IN
    IF ((kind = OperationKind_STREAM_READ) \/ (kind = OperationKind_FUTURE_READ))
    THEN
      LET t2 == s.readable[channel] IN
      IF (t2 = None)
      THEN
        [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic stream_support::RawStreamReader.handle::handle-present"], r |-> None]
      ELSE
        [s |-> s, r |-> t2]
    ELSE
      LET t3 == s.writable[channel] IN
      IF (t3 = None)
      THEN
        [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic stream_support::RawStreamReader.handle::handle-present"], r |-> None]
      ELSE
        [s |-> s, r |-> t3]

(* waitable_op.py:66 The `done` flag of the stream end: the other end is known to be gone. *)
stream_done(s, operation) ==
  LET channel == None IN
  IF (channel = None)
  THEN
    FALSE
  ELSE
    FALSE

(* host.py:60 `Table.get`: what stands in the slot; traps if it is empty. *)
table_get(s, handle) ==
  IF (s.slot[handle] = HandleKind_FREE)
  THEN
    [s |-> [s EXCEPT !.kind = "trap", !.wrong = "trap host::Table.get::empty-slot"], r |-> None]
  ELSE
    [s |-> s, r |-> s.slot[handle]]

(* host.py:142 Which end of its channel a handle is. *)
side_of(s, handle) ==
  IF ((s.slot[handle] = HandleKind_STREAM_READ) \/ (s.slot[handle] = HandleKind_FUTURE_READ))
  THEN
    Side_READ
  ELSE
    Side_WRITE

(* host.py:222 Whether the pending buffer still has room or an item. *)
pending_remain(s, channel) ==
  (~(\E handle \in Handle : ((s.end_channel[handle] = channel) /\ (s.pending_side[channel] = side_of(s, handle)) /\ s.progress[handle])))

(* host.py:232 The side that is pending transfers its item; its copy has completed. *)
copy_with_pending(s, channel) ==
  LET Turn(s_2, handle) ==
      IF ((s_2.end_channel[handle] = channel) /\ (s_2.pending_side[channel] = side_of(s_2, handle)))
      THEN
        LET s_3 == [s_2 EXCEPT !.progress[handle] = TRUE] IN
        LET s_4 == [s_3 EXCEPT !.pending[handle] = Pending_COMPLETED] IN
        s_4
      ELSE
        s_2
  IN
  LET s_5 == Turn(Turn(Turn(Turn(Turn(s, 0), 1), 2), 3), 4) IN
  LET Rest(s_6) ==
      IF p_is_future[channel]
      THEN
        LET s_7 == [s_6 EXCEPT !.pending_side[channel] = Side_NONE] IN
        IF (p_remote[channel] # Side_NONE)
        THEN
          LET s_8 == [s_7 EXCEPT !.remote_done[channel] = TRUE] IN
          s_8
        ELSE
          s_7
      ELSE
        s_6
  IN
  IF (s_5.pending_side[channel] = p_remote[channel])
  THEN
    LET s_9 == [s_5 EXCEPT !.pending_side[channel] = Side_NONE] IN
    Rest(s_9)
  ELSE
    Rest(s_5)

(* host.py:201 `reset_and_notify_pending`: the copy that is pending ends with `result`. *)
reset_and_notify_pending(s, channel, result) ==
  LET Turn(s_2, handle) ==
      IF ((s_2.end_channel[handle] = channel) /\ (s_2.pending_side[channel] = side_of(s_2, handle)))
      THEN
        LET s_3 == [s_2 EXCEPT !.pending[handle] = result] IN
        s_3
      ELSE
        s_2
  IN
  LET s_4 == Turn(Turn(Turn(Turn(Turn(s, 0), 1), 2), 3), 4) IN
  LET s_5 == [s_4 EXCEPT !.pending_side[channel] = Side_NONE] IN
  s_5

(* host.py:246 `SharedStreamImpl.read` and `.write`, `SharedFutureImpl.read` and `.write`. *)
shared_copy(s, handle, channel) ==
  IF s.dropped[channel]
  THEN
    LET s_2 == [s EXCEPT !.pending[handle] = Pending_DROPPED] IN
    s_2
  ELSE
    IF (s.pending_side[channel] = Side_NONE)
    THEN
      LET s_3 == [s EXCEPT !.pending_side[channel] = side_of(s, handle)] IN
      s_3
    ELSE
      IF pending_remain(s, channel)
      THEN
        LET s_4 == copy_with_pending(s, channel) IN
        LET s_5 == [s_4 EXCEPT !.progress[handle] = TRUE] IN
        LET s_6 == [s_5 EXCEPT !.pending[handle] = Pending_COMPLETED] IN
        s_6
      ELSE
        LET s_7 == reset_and_notify_pending(s, channel, Pending_COMPLETED) IN
        LET s_8 == [s_7 EXCEPT !.pending_side[channel] = side_of(s_7, handle)] IN
        s_8

(* host.py:400 The state as the payload of an event. *)
subtask_code(s, handle) ==
  IF (s.subtask_state[handle] = SubtaskState_STARTING)
  THEN
    Code_STARTING
  ELSE
    IF (s.subtask_state[handle] = SubtaskState_STARTED)
    THEN
      Code_STARTED
    ELSE
      IF (s.subtask_state[handle] = SubtaskState_RETURNED)
      THEN
        Code_RETURNED
      ELSE
        IF (s.subtask_state[handle] = SubtaskState_CANCELLED_BEFORE_STARTED)
        THEN
          Code_CANCELLED_BEFORE_STARTED
        ELSE
          Code_CANCELLED_BEFORE_RETURNED

(* host.py:413 `subtask_event` in `canon_lower`: a resolution is delivered with its event. *)
subtask_event(s, handle) ==
  LET Rest(s_2) ==
      [s |-> s_2, r |-> subtask_code(s_2, handle)]
  IN
  IF resolved(s, handle)
  THEN
    LET s_3 == [s EXCEPT !.resolve_delivered[handle] = TRUE] IN
    Rest(s_3)
  ELSE
    Rest(s)

(* host.py:191 `future_event` in `future_copy`: the number of items is not part of it. *)
future_event(s, handle, result) ==
  LET s_2 == [s EXCEPT !.progress[handle] = FALSE] IN
  IF (result = Pending_CANCELLED)
  THEN
    LET s_3 == [s_2 EXCEPT !.copy_state[handle] = CopyState_IDLE] IN
    [s |-> s_3, r |-> Code_CANCELLED_0]
  ELSE
    LET s_4 == [s_2 EXCEPT !.copy_state[handle] = CopyState_DONE] IN
    [s |-> s_4, r |-> (IF (result = Pending_DROPPED) THEN Code_DROPPED_0 ELSE Code_COMPLETED_0)]

(* host.py:176 `stream_event` in `stream_copy`; an event of `on_copy` gives its buffer back. *)
stream_event(s, handle, channel, result) ==
  LET Rest(s_2) ==
      LET items == s_2.progress[handle] IN
      LET s_3 == [s_2 EXCEPT !.progress[handle] = FALSE] IN
      IF (result = Pending_DROPPED)
      THEN
        LET s_4 == [s_3 EXCEPT !.copy_state[handle] = CopyState_DONE] IN
        [s |-> s_4, r |-> (IF items THEN Code_DROPPED_1 ELSE Code_DROPPED_0)]
      ELSE
        LET s_5 == [s_3 EXCEPT !.copy_state[handle] = CopyState_IDLE] IN
        IF (result = Pending_CANCELLED)
        THEN
          [s |-> s_5, r |-> (IF items THEN Code_CANCELLED_1 ELSE Code_CANCELLED_0)]
        ELSE
          [s |-> s_5, r |-> (IF items THEN Code_COMPLETED_1 ELSE Code_COMPLETED_0)]
  IN
  IF (s.pending_side[channel] = side_of(s, handle))
  THEN
    LET s_6 == [s EXCEPT !.pending_side[channel] = Side_NONE] IN
    Rest(s_6)
  ELSE
    Rest(s)

(* host.py:120 `Waitable.get_pending_event`: the payload, and what delivering it changes. *)
get_pending_event(s, handle) ==
  LET pending == s.pending[handle] IN
  LET s_2 == [s EXCEPT !.pending[handle] = Pending_NOTHING] IN
  IF (pending = Pending_SUBTASK)
  THEN
    subtask_event(s_2, handle)
  ELSE
    LET channel == s_2.end_channel[handle] IN
    IF (channel = None)
    THEN
      [s |-> s_2, r |-> Code_NONE]
    ELSE
      IF p_is_future[channel]
      THEN
        future_event(s_2, handle, pending)
      ELSE
        stream_event(s_2, handle, channel, pending)

(* host.py:261 `stream_copy` and `future_copy`, always called asynchronously. *)
stream_copy(s, handle, kind) ==
  LET c == table_get(s, handle) IN
  IF c.s.wrong # "" THEN [s |-> c.s, r |-> None] ELSE
  IF (c.r # kind)
  THEN
    IF ((kind = HandleKind_STREAM_READ) \/ (kind = HandleKind_STREAM_WRITE))
    THEN
      [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::stream_copy::wrong-end"], r |-> None]
    ELSE
      [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::future_copy::wrong-end"], r |-> None]
  ELSE
    IF (c.s.copy_state[handle] # CopyState_IDLE)
    THEN
      IF ((kind = HandleKind_STREAM_READ) \/ (kind = HandleKind_STREAM_WRITE))
      THEN
        [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::stream_copy::not-idle"], r |-> None]
      ELSE
        [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::future_copy::not-idle"], r |-> None]
    ELSE
      LET s_2 == [c.s EXCEPT !.copy_state[handle] = CopyState_COPYING] IN
      LET channel == s_2.end_channel[handle] IN
      LET Rest(s_3) ==
          IF (s_3.pending[handle] = Pending_NOTHING)
          THEN
            [s |-> s_3, r |-> Code_BLOCKED]
          ELSE
            get_pending_event(s_3, handle)
      IN
      IF (~(channel = None))
      THEN
        LET s_4 == shared_copy(s_2, handle, channel) IN
        Rest(s_4)
      ELSE
        Rest(s_2)

(* host.py:281 Read one item. *)
canon_stream_read(s, handle) ==
  stream_copy(s, handle, HandleKind_STREAM_READ)

(* host.py:287 Write one item. *)
canon_stream_write(s, handle) ==
  stream_copy(s, handle, HandleKind_STREAM_WRITE)

(* host.py:293 Read the value. *)
canon_future_read(s, handle) ==
  stream_copy(s, handle, HandleKind_FUTURE_READ)

(* host.py:299 Write the value. *)
canon_future_write(s, handle) ==
  stream_copy(s, handle, HandleKind_FUTURE_WRITE)

(* waitable_op.py:40 `WaitableOp::start`. *)
start(s, operation, answer) ==
  LET kind == OperationKind_SUBTASK IN
  IF (kind = OperationKind_SUBTASK)
  THEN
    start_subtask(s, operation, answer)
  ELSE
    LET c == end_of(s, operation) IN
    IF c.s.wrong # "" THEN [s |-> c.s, r |-> None] ELSE
    IF stream_done(c.s, operation)
    THEN
      [s |-> c.s, r |-> Code_DROPPED_0]
    ELSE
      IF (kind = OperationKind_STREAM_READ)
      THEN
        canon_stream_read(c.s, c.r)
      ELSE
        IF (kind = OperationKind_STREAM_WRITE)
        THEN
          canon_stream_write(c.s, c.r)
        ELSE
          IF (kind = OperationKind_FUTURE_READ)
          THEN
            canon_future_read(c.s, c.r)
          ELSE
            canon_future_write(c.s, c.r)

(* waitable_op.py:169 `InProgress::flag_started`. *)
flag_started(s, operation) ==
  IF s.started[operation]
  THEN
    [s EXCEPT !.kind = "panic", !.wrong = "panic subtask::flag_started::started-once"]
  ELSE
    LET s_2 == [s EXCEPT !.started[operation] = TRUE] IN
    s_2

(* host.py:70 `Waitable.drop`: leave the set; an event that is pending is not delivered any more. *)
waitable_drop(s, handle) ==
  LET s_2 == [s EXCEPT !.pending[handle] = Pending_NOTHING] IN
  LET s_3 == [s_2 EXCEPT !.wset[handle] = None] IN
  s_3

(* host.py:47 `Table.remove`, with everything that the entry held. *)
table_remove(s, handle) ==
  LET s_2 == [s EXCEPT !.slot[handle] = HandleKind_FREE] IN
  LET s_3 == [s_2 EXCEPT !.next_free[handle] = s_2.free_head] IN
  LET s_4 == [s_3 EXCEPT !.free_head = handle] IN
  LET s_5 == [s_4 EXCEPT !.end_channel[handle] = None] IN
  LET s_6 == [s_5 EXCEPT !.copy_state[handle] = CopyState_IDLE] IN
  LET s_7 == [s_6 EXCEPT !.progress[handle] = FALSE] IN
  LET s_8 == [s_7 EXCEPT !.subtask_state[handle] = SubtaskState_STARTING] IN
  LET s_9 == [s_8 EXCEPT !.resolve_delivered[handle] = FALSE] IN
  LET s_10 == [s_9 EXCEPT !.cancellation_requested[handle] = FALSE] IN
  s_10

(* host.py:454 Drop a subtask; traps unless its resolution was delivered. *)
canon_subtask_drop(s, handle) ==
  LET c == table_get(s, handle) IN
  IF c.s.wrong # "" THEN c.s ELSE
  IF (c.r # HandleKind_SUBTASK)
  THEN
    [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::canon_subtask_drop::not-a-subtask"]
  ELSE
    IF (~c.s.resolve_delivered[handle])
    THEN
      [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::Subtask.drop::resolution-not-delivered"]
    ELSE
      LET s_2 == waitable_drop(c.s, handle) IN
      LET s_3 == table_remove(s_2, handle) IN
      s_3

(* waitable_op.py:176 `SubtaskHandle::drop`, unless the call returned at once and there is none. *)
drop_subtask_handle(s, operation) ==
  LET handle == s.subtask[operation] IN
  LET s_2 == [s EXCEPT !.subtask[operation] = None] IN
  LET s_3 == [s_2 EXCEPT !.started[operation] = FALSE] IN
  IF (~(handle = None))
  THEN
    LET s_4 == canon_subtask_drop(s_3, handle) IN
    IF s_4.wrong # "" THEN s_4 ELSE
    s_4
  ELSE
    s_3

(* waitable_op.py:147 `SubtaskOps`: at the end the subtask's handle is dropped with the rest. *)
update_subtask(s, operation, code) ==
  IF (code = Code_STARTING)
  THEN
    IF s.started[operation]
    THEN
      [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic subtask::in_progress_update::starting-not-started"], r |-> None]
    ELSE
      [s |-> s, r |-> FALSE]
  ELSE
    IF (code = Code_STARTED)
    THEN
      LET s_2 == flag_started(s, operation) IN
      IF s_2.wrong # "" THEN [s |-> s_2, r |-> None] ELSE
      [s |-> s_2, r |-> FALSE]
    ELSE
      IF ((code = Code_RETURNED) \/ (code = Code_CANCELLED_BEFORE_RETURNED))
      THEN
        LET Rest(s_3) ==
            LET s_4 == drop_subtask_handle(s_3, operation) IN
            IF s_4.wrong # "" THEN [s |-> s_4, r |-> None] ELSE
            [s |-> s_4, r |-> TRUE]
        IN
        IF (~s.started[operation])
        THEN
          LET s_5 == flag_started(s, operation) IN
          IF s_5.wrong # "" THEN [s |-> s_5, r |-> None] ELSE
          Rest(s_5)
        ELSE
          Rest(s)
      ELSE
        IF (code = Code_CANCELLED_BEFORE_STARTED)
        THEN
          IF s.started[operation]
          THEN
            [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic subtask::in_progress_update::cancelled-before-start-not-started"], r |-> None]
          ELSE
            LET s_6 == drop_subtask_handle(s, operation) IN
            IF s_6.wrong # "" THEN [s |-> s_6, r |-> None] ELSE
            [s |-> s_6, r |-> TRUE]
        ELSE
          [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic subtask::in_progress_update::known-status"], r |-> None]

(* waitable_op.py:95 A code that `ReturnCode::decode` does not expect. *)
is_subtask_code(s, code) ==
  ((code = Code_STARTING) \/ (code = Code_STARTED) \/ (code = Code_RETURNED) \/ (code = Code_CANCELLED_BEFORE_STARTED) \/ (code = Code_CANCELLED_BEFORE_RETURNED))

(* waitable_op.py:126 `FutureReadOp`. *)
update_future_read(s, code) ==
  IF is_subtask_code(s, code)
  THEN
    [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic async_support::decode::known-code"], r |-> None]
  ELSE
    IF ((code # Code_BLOCKED) /\ (code # Code_COMPLETED_0) /\ (code # Code_CANCELLED_0))
    THEN
      [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic future_support::FutureReadOp.in_progress_update::known-code"], r |-> None]
    ELSE
      [s |-> s, r |-> (code # Code_BLOCKED)]

(* waitable_op.py:135 `FutureWriteOp`. *)
update_future_write(s, code) ==
  IF ((code # Code_BLOCKED) /\ (code # Code_COMPLETED_0) /\ (code # Code_DROPPED_0) /\ (code # Code_CANCELLED_0))
  THEN
    [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic future_support::FutureWriteOp.in_progress_update::known-code"], r |-> None]
  ELSE
    [s |-> s, r |-> (code # Code_BLOCKED)]

(* waitable_op.py:116 Remember that the other end is gone. *)
set_stream_done(s, operation) ==
  LET channel == None IN
  IF (~(channel = None))
  THEN
    LET s_2 == [s EXCEPT !.writer_done[channel] = TRUE] IN
    s_2
  ELSE
    s

(* waitable_op.py:107 `StreamWriteOp` and `StreamReadOp`: only a transfer that ends with a drop sets `done`. *)
update_stream(s, operation, code) ==
  IF is_subtask_code(s, code)
  THEN
    [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic async_support::decode::known-code"], r |-> None]
  ELSE
    LET Rest(s_2) ==
        [s |-> s_2, r |-> (code # Code_BLOCKED)]
    IN
    IF (code = Code_DROPPED_1)
    THEN
      LET s_3 == set_stream_done(s, operation) IN
      Rest(s_3)
    ELSE
      Rest(s)

(* waitable_op.py:83 `WaitableOp::in_progress_update`: whether `code` ends the operation. *)
in_progress_update(s, operation, code) ==
  LET kind == OperationKind_SUBTASK IN
  IF (kind = OperationKind_SUBTASK)
  THEN
    update_subtask(s, operation, code)
  ELSE
    IF (kind = OperationKind_FUTURE_READ)
    THEN
      update_future_read(s, code)
    ELSE
      IF (kind = OperationKind_FUTURE_WRITE)
      THEN
        update_future_write(s, code)
      ELSE
        update_stream(s, operation, code)

(* waitable_op.py:76 `WaitableOp::in_progress_waitable`. *)
in_progress_waitable(s, operation) ==
  LET t1 == s.subtask[operation] IN
  IF (t1 = None)
  THEN
    [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic subtask::in_progress_waitable::has-handle"], r |-> None]
  ELSE
    [s |-> s, r |-> t1]

(* waitable.py:44 The task that a waker of this future owns; none for a child of `FuturesUnordered`. *)
waker_task(s, future) ==
  LET task == p_task_of[future] IN
  IF (task = None)
  THEN
    None
  ELSE
    task

(* wakers.py:28 `Arc::clone`. *)
clone_strong_reference(s, task) ==
  IF (s.strong_count[task] = 0)
  THEN
    [s EXCEPT !.kind = "undefined", !.wrong = "undefined alloc::Arc.clone::freed"]
  ELSE
    LET s_2 == [s EXCEPT !.strong_count[task] = (s.strong_count[task] + 1)] IN
    s_2

(* waitable.py:52 `Waker::clone`. A child's waker does not own the task (`async-spawn`). *)
waker_clone(s, waker, future) ==
  IF ((waker = WakerKind_CONTEXT) /\ (~(future = None)))
  THEN
    LET task == waker_task(s, future) IN
    IF (~(task = None))
    THEN
      LET s_2 == clone_strong_reference(s, task) IN
      IF s_2.wrong # "" THEN s_2 ELSE
      s_2
    ELSE
      s
  ELSE
    s

(* host.py:209 The other end is gone: an end of this instance has the event, whether it copies or not. *)
notify_dropped(s, channel) ==
  LET s_2 == [s EXCEPT !.pending_side[channel] = Side_NONE] IN
  LET Turn(s_3, handle) ==
      IF ((s_3.end_channel[handle] = channel) /\ ((~p_is_future[channel]) \/ (s_3.pending[handle] # Pending_COMPLETED)))
      THEN
        LET s_4 == [s_3 EXCEPT !.pending[handle] = Pending_DROPPED] IN
        s_4
      ELSE
        s_3
  IN
  LET s_5 == Turn(Turn(Turn(Turn(Turn(s_2, 0), 1), 2), 3), 4) IN
  s_5

(* host.py:345 `drop` of an end: traps mid-copy, and for a future's writer that has not written. *)
drop_end(s, handle, kind) ==
  LET c == table_get(s, handle) IN
  IF c.s.wrong # "" THEN c.s ELSE
  IF (c.r # kind)
  THEN
    [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::drop::wrong-end"]
  ELSE
    IF ((kind = HandleKind_FUTURE_WRITE) /\ (c.s.copy_state[handle] # CopyState_DONE))
    THEN
      [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::WritableFutureEnd.drop::not-written"]
    ELSE
      IF ((c.s.copy_state[handle] = CopyState_COPYING) \/ (c.s.copy_state[handle] = CopyState_CANCELLING_COPY))
      THEN
        [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::CopyEnd.drop::copying"]
      ELSE
        LET channel == c.s.end_channel[handle] IN
        LET Rest(s_2) ==
            LET s_3 == waitable_drop(s_2, handle) IN
            LET s_4 == table_remove(s_3, handle) IN
            s_4
        IN
        IF ((~(channel = None)) /\ (~c.s.dropped[channel]))
        THEN
          LET s_5 == [c.s EXCEPT !.dropped[channel] = TRUE] IN
          LET s_6 == notify_dropped(s_5, channel) IN
          LET s_7 == [s_6 EXCEPT !.pending[handle] = Pending_NOTHING] IN
          Rest(s_7)
        ELSE
          Rest(c.s)

(* host.py:372 Drop the writable end. *)
canon_stream_drop_writable(s, handle) ==
  LET s_2 == drop_end(s, handle, HandleKind_STREAM_WRITE) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* wakers.py:51 The writer of the inter-task stream is dropped, if there is one. *)
waker_stream_drop(s, task) ==
  LET writer == s.waker_stream[task] IN
  IF (~(writer = None))
  THEN
    LET s_2 == [s EXCEPT !.waker_stream[task] = None] IN
    LET s_3 == canon_stream_drop_writable(s_2, writer) IN
    IF s_3.wrong # "" THEN s_3 ELSE
    s_3
  ELSE
    s

(* waitable_set.py:42 The map is freed; what it points to is not owned. *)
waitables_drop(s, task) ==
  LET Turn(s_2, handle) ==
      LET s_3 == [s_2 EXCEPT !.waitables[task][handle] = None] IN
      LET s_4 == [s_3 EXCEPT !.dangling[task][handle] = FALSE] IN
      s_4
  IN
  LET s_5 == Turn(Turn(Turn(Turn(Turn(s, 0), 1), 2), 3), 4) IN
  s_5

(* host.py:94 Whether the host waits on the task's set, `num_waiting`. *)
is_waiting(s, task) ==
  ((s.phase[task] = Phase_WAITING) \/ (s.phase[task] = Phase_BLOCKED_WAIT))

(* host.py:83 Drop a set; traps if it has members or a task waits on it. *)
canon_waitable_set_drop(s, wset) ==
  LET c == table_get(s, wset) IN
  IF c.s.wrong # "" THEN c.s ELSE
  IF (c.r # HandleKind_WAITABLE_SET)
  THEN
    [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::canon_waitable_set_drop::not-a-set"]
  ELSE
    IF (\E handle \in Handle : (c.s.wset[handle] = wset))
    THEN
      [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::WaitableSet.drop::not-empty"]
    ELSE
      IF (\E task \in Task : (is_waiting(c.s, task) /\ (c.s.waitable_set[task] = wset)))
      THEN
        [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::WaitableSet.drop::has-waiters"]
      ELSE
        LET s_2 == table_remove(c.s, wset) IN
        s_2

(* waitable_set.py:34 `WaitableSet::drop`, if the task has one. *)
waitable_set_drop(s, task) ==
  LET wset == s.waitable_set[task] IN
  IF (~(wset = None))
  THEN
    LET s_2 == [s EXCEPT !.waitable_set[task] = None] IN
    LET s_3 == canon_waitable_set_drop(s_2, wset) IN
    IF s_3.wrong # "" THEN s_3 ELSE
    s_3
  ELSE
    s

(* versions/v2.py:126 The fields of `SharedTaskState` in their order: the stream's writer, the map, the set. *)
drop_shared(s, task) ==
  LET s_2 == [s EXCEPT !.sleep_state[task] = SleepState_POLLING] IN
  LET s_3 == waker_stream_drop(s_2, task) IN
  IF s_3.wrong # "" THEN s_3 ELSE
  LET s_4 == waitables_drop(s_3, task) IN
  LET s_5 == waitable_set_drop(s_4, task) IN
  IF s_5.wrong # "" THEN s_5 ELSE
  s_5

(* wakers.py:35 `Arc::drop`: the last reference frees what it points to. *)
drop_strong_reference(s, task) ==
  IF (s.strong_count[task] = 0)
  THEN
    [s EXCEPT !.kind = "undefined", !.wrong = "undefined alloc::Arc.drop::freed"]
  ELSE
    LET s_2 == [s EXCEPT !.strong_count[task] = (s.strong_count[task] - 1)] IN
    IF (s_2.strong_count[task] = 0)
    THEN
      LET s_3 == drop_shared(s_2, task) IN
      IF s_3.wrong # "" THEN s_3 ELSE
      s_3
    ELSE
      s_2

(* waitable.py:60 `Waker::drop`. *)
waker_drop(s, waker, future) ==
  IF ((waker = WakerKind_CONTEXT) /\ (~(future = None)))
  THEN
    LET task == waker_task(s, future) IN
    IF (~(task = None))
    THEN
      LET s_2 == drop_strong_reference(s, task) IN
      IF s_2.wrong # "" THEN s_2 ELSE
      s_2
    ELSE
      s
  ELSE
    s

(* waitable.py:77 Store a clone of a waker, then drop the one that was there. *)
set_waker(s, operation, waker, future) ==
  LET s_2 == waker_clone(s, waker, future) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  LET old_waker == s_2.waker[operation] IN
  LET old_future == s_2.waker_future[operation] IN
  LET s_3 == [s_2 EXCEPT !.waker[operation] = waker] IN
  LET s_4 == [s_3 EXCEPT !.waker_future[operation] = future] IN
  LET s_5 == waker_drop(s_4, old_waker, old_future) IN
  IF s_5.wrong # "" THEN s_5 ELSE
  s_5

(* waitable.py:110 `wasip3_task_set(null)`: read the current task, which is null meanwhile. *)
wasip3_task_take(s) ==
  LET task == s.wasip3_task IN
  LET s_2 == [s EXCEPT !.wasip3_task = None] IN
  [s |-> s_2, r |-> task]

(* wakers.py:17 Who wrote the executor of this task. *)
executor_role(s, task) ==
  s.executor_role[task]

(* versions/v2.py:78 `wasip3_task.version`. *)
abi_version__v2(s, task) ==
  2

(* versions/v3.py:78 `wasip3_task.version`. *)
abi_version__v3(s, task) ==
  3

(* waitable_set.py:53  *)
abi_version(s, task) ==
  IF (executor_role(s, task) = ExecutorRole_BLOCK_ON)
  THEN
    abi_version__v2(s, task)
  ELSE
    abi_version__v3(s, task)

(* waitable_set.py:141 Call `abi_version`, which version files redefine. *)
abi_version_of(s, task) ==
  abi_version(s, task)

(* versions/v2.py:113 `SharedTaskState::cabi_clone`. *)
cabi_clone(s, task) ==
  LET s_2 == clone_strong_reference(s, task) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* waitable_set.py:121 Call `cabi_clone`, which version files redefine. *)
clone_of(s, task) ==
  LET s_2 == cabi_clone(s, task) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* host.py:100 Move a waitable into a set, or out of every set. *)
canon_waitable_join(s, waitable, wset) ==
  LET c == table_get(s, waitable) IN
  IF c.s.wrong # "" THEN c.s ELSE
  IF (c.r = HandleKind_WAITABLE_SET)
  THEN
    [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::canon_waitable_join::not-a-waitable"]
  ELSE
    LET t2 == (~(wset = None)) IN
    LET Rest(s_2, t2_2) ==
        IF t2_2
        THEN
          [s_2 EXCEPT !.kind = "trap", !.wrong = "trap host::canon_waitable_join::not-a-set"]
        ELSE
          LET s_3 == [s_2 EXCEPT !.wset[waitable] = wset] IN
          s_3
    IN
    IF t2
    THEN
      LET c_2 == table_get(c.s, wset) IN
      IF c_2.s.wrong # "" THEN c_2.s ELSE
      LET t2_3 == (c_2.r # HandleKind_WAITABLE_SET) IN
      Rest(c_2.s, t2_3)
    ELSE
      Rest(c.s, t2)

(* waitable_set.py:29 `WaitableSet::remove_waitable_from_all_sets`. *)
remove_waitable_from_all_sets(s, waitable) ==
  LET s_2 == canon_waitable_join(s, waitable, None) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* versions/v2.py:100 `SharedTaskState::cabi_waitable_unregister`: any reference will do. *)
waitable_unregister(s, task, waitable) ==
  IF (s.strong_count[task] = 0)
  THEN
    [s |-> [s EXCEPT !.kind = "undefined", !.wrong = "undefined async_support::cabi_to_self::freed"], r |-> None]
  ELSE
    LET s_2 == remove_waitable_from_all_sets(s, waitable) IN
    IF s_2.wrong # "" THEN [s |-> s_2, r |-> None] ELSE
    LET previous == s_2.waitables[task][waitable] IN
    LET s_3 == [s_2 EXCEPT !.waitables[task][waitable] = None] IN
    LET s_4 == [s_3 EXCEPT !.dangling[task][waitable] = FALSE] IN
    [s |-> s_4, r |-> previous]

(* waitable_set.py:116 Call `waitable_unregister`, which version files redefine. *)
unregister_from(s, task, waitable) ==
  waitable_unregister(s, task, waitable)

(* versions/v2.py:147 `CabiTask::unregister`. *)
cabi_task_unregister(s, operation, task, waitable) ==
  LET s_2 == [s EXCEPT !.registered[operation] = None] IN
  unregister_from(s_2, task, waitable)

(* versions/v2.py:120 `SharedTaskState::cabi_drop`. *)
cabi_drop(s, task) ==
  LET s_2 == drop_strong_reference(s, task) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* waitable_set.py:126 Call `cabi_drop`, which version files redefine. *)
drop_of(s, task) ==
  LET s_2 == cabi_drop(s, task) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* versions/v2.py:154 `CabiTask::drop`: unregister if still registered, then give the reference back. *)
operation_drop_task(s, operation) ==
  LET task == s.cabi_task[operation] IN
  IF (~(task = None))
  THEN
    LET waitable == s.registered[operation] IN
    LET Rest(s_2) ==
        LET s_3 == [s_2 EXCEPT !.cabi_task[operation] = None] IN
        LET s_4 == drop_of(s_3, task) IN
        IF s_4.wrong # "" THEN s_4 ELSE
        s_4
    IN
    IF (~(waitable = None))
    THEN
      LET c == cabi_task_unregister(s, operation, task, waitable) IN
      IF c.s.wrong # "" THEN c.s ELSE
      Rest(c.s)
    ELSE
      Rest(s)
  ELSE
    s

(* versions/v2.py:166 `Option::insert` of a `CabiTask::new`: clone the new task, then drop the old one. *)
keep_task(s, operation, task) ==
  LET s_2 == clone_of(s, task) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  LET s_3 == operation_drop_task(s_2, operation) IN
  IF s_3.wrong # "" THEN s_3 ELSE
  LET s_4 == [s_3 EXCEPT !.cabi_task[operation] = task] IN
  s_4

(* host.py:77 A new empty set. *)
canon_waitable_set_new(s) ==
  table_add(s, HandleKind_WAITABLE_SET)

(* waitable_set.py:20 Put a waitable into the task's set, making the set if there is none. *)
add_waitable(s, task, waitable) ==
  LET wset == s.waitable_set[task] IN
  LET Rest(s_2, wset_2) ==
      LET s_3 == canon_waitable_join(s_2, waitable, wset_2) IN
      IF s_3.wrong # "" THEN s_3 ELSE
      s_3
  IN
  IF (wset = None)
  THEN
    LET c == canon_waitable_set_new(s) IN
    IF c.s.wrong # "" THEN c.s ELSE
    LET s_4 == [c.s EXCEPT !.waitable_set[task] = c.r] IN
    Rest(s_4, c.r)
  ELSE
    Rest(s, wset)

(* versions/v2.py:85 `SharedTaskState::cabi_waitable_register`: any reference will do. *)
waitable_register(s, task, waitable, callback_ptr) ==
  IF (s.strong_count[task] = 0)
  THEN
    [s |-> [s EXCEPT !.kind = "undefined", !.wrong = "undefined async_support::cabi_to_self::freed"], r |-> None]
  ELSE
    IF (s.phase[task] = Phase_BLOCKED_WAIT)
    THEN
      [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic async_support::add_waitable::set-unlocked"], r |-> None]
    ELSE
      LET s_2 == add_waitable(s, task, waitable) IN
      IF s_2.wrong # "" THEN [s |-> s_2, r |-> None] ELSE
      LET previous == s_2.waitables[task][waitable] IN
      LET s_3 == [s_2 EXCEPT !.waitables[task][waitable] = callback_ptr] IN
      LET s_4 == [s_3 EXCEPT !.dangling[task][waitable] = FALSE] IN
      [s |-> s_4, r |-> previous]

(* waitable_set.py:146 Call `waitable_register`, which version files redefine. *)
register_with(s, task, waitable, callback_ptr) ==
  waitable_register(s, task, waitable, callback_ptr)

(* waitable.py:118 `wasip3_task_set(task)`: put the current task back. *)
wasip3_task_restore(s, task) ==
  LET s_2 == [s EXCEPT !.wasip3_task = task] IN
  s_2

(* versions/v2.py:174 `WaitableOperation::register_waker`: keep the task, unless it is a V1 task. *)
register_waker(s, operation, waitable, waker, future) ==
  IF (s.code[operation] # Code_NONE)
  THEN
    [s EXCEPT !.kind = "panic", !.wrong = "panic waitable::register_waker::no-code-pending"]
  ELSE
    LET s_2 == set_waker(s, operation, waker, future) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    LET c == wasip3_task_take(s_2) IN
    IF (c.r = None)
    THEN
      [c.s EXCEPT !.kind = "panic", !.wrong = "panic waitable::register_waker::task-set"]
    ELSE
      LET task == c.r IN
      LET Rest(s_3) ==
          LET c_2 == register_with(s_3, task, waitable, operation) IN
          IF c_2.s.wrong # "" THEN c_2.s ELSE
          IF ((~(c_2.r = None)) /\ (c_2.r # operation))
          THEN
            [c_2.s EXCEPT !.kind = "panic", !.wrong = "panic waitable::register_waker::prev-is-own"]
          ELSE
            LET s_4 == wasip3_task_restore(c_2.s, task) IN
            s_4
      IN
      IF (abi_version_of(c.s, task) >= 2)
      THEN
        LET Rest_2(s_5) ==
            LET s_6 == [s_5 EXCEPT !.registered[operation] = waitable] IN
            Rest(s_6)
        IN
        IF (c.s.cabi_task[operation] # task)
        THEN
          LET s_7 == keep_task(c.s, operation, task) IN
          IF s_7.wrong # "" THEN s_7 ELSE
          Rest_2(s_7)
        ELSE
          Rest_2(c.s)
      ELSE
        Rest(c.s)

(* versions/v2.py:207 `poll_complete_with_code`: an operation that got a code is registered no more. *)
poll_complete_with_code(s, operation, code, register, waker, future) ==
  LET Rest(s_2) ==
      LET Rest_2(s_3) ==
          [s |-> s_3, r |-> FALSE]
      IN
      IF register
      THEN
        LET c == in_progress_waitable(s_2, operation) IN
        IF c.s.wrong # "" THEN [s |-> c.s, r |-> None] ELSE
        LET s_4 == register_waker(c.s, operation, c.r, waker, future) IN
        IF s_4.wrong # "" THEN [s |-> s_4, r |-> None] ELSE
        Rest_2(s_4)
      ELSE
        Rest_2(s_2)
  IN
  IF (code # Code_NONE)
  THEN
    LET s_5 == [s EXCEPT !.registered[operation] = None] IN
    IF (s_5.state[operation] # OperationState_IN_PROGRESS)
    THEN
      [s |-> [s_5 EXCEPT !.kind = "panic", !.wrong = "panic waitable::poll_complete_with_code::code-in-progress"], r |-> None]
    ELSE
      LET c_2 == in_progress_update(s_5, operation, code) IN
      IF c_2.s.wrong # "" THEN [s |-> c_2.s, r |-> None] ELSE
      IF c_2.r
      THEN
        LET s_6 == [c_2.s EXCEPT !.state[operation] = OperationState_DONE] IN
        [s |-> s_6, r |-> TRUE]
      ELSE
        Rest(c_2.s)
  ELSE
    Rest(s)

(* waitable.py:157 `poll_complete` (waitable.rs:261): whether the operation is ready. *)
poll_complete(s, operation, waker, future, answer) ==
  IF (s.state[operation] = OperationState_START)
  THEN
    LET c == start(s, operation, answer) IN
    IF c.s.wrong # "" THEN [s |-> c.s, r |-> None] ELSE
    LET s_2 == [c.s EXCEPT !.state[operation] = OperationState_IN_PROGRESS] IN
    poll_complete_with_code(s_2, operation, c.r, TRUE, waker, future)
  ELSE
    IF (s.state[operation] = OperationState_IN_PROGRESS)
    THEN
      LET status == s.code[operation] IN
      LET s_3 == [s EXCEPT !.code[operation] = Code_NONE] IN
      poll_complete_with_code(s_3, operation, status, TRUE, waker, future)
    ELSE
      [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic waitable::poll_complete::not-done"], r |-> None]

(* host.py:384 Drop the writable end: traps unless the value was written. *)
canon_future_drop_writable(s, handle) ==
  LET s_2 == drop_end(s, handle, HandleKind_FUTURE_WRITE) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* waitable_op.py:200 A future's operation owns its end and drops it when it is over. *)
finish_future_end(s, operation) ==
  LET channel == None IN
  IF ((channel = None) \/ (~p_is_future[channel]))
  THEN
    s
  ELSE
    LET writer == s.writable[channel] IN
    LET s_2 == [s EXCEPT !.writable[channel] = None] IN
    IF (~(writer = None))
    THEN
      LET s_3 == canon_future_drop_writable(s_2, writer) IN
      IF s_3.wrong # "" THEN s_3 ELSE
      s_3
    ELSE
      s_2

(* waitable.py:225 The rest of the operation is dropped and its memory is free: pointers to it dangle. *)
operation_free(s, operation) ==
  LET s_2 == operation_drop_task(s, operation) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  LET waker == s_2.waker[operation] IN
  LET future == s_2.waker_future[operation] IN
  LET s_3 == [s_2 EXCEPT !.state[operation] = OperationState_FREE] IN
  LET s_4 == [s_3 EXCEPT !.code[operation] = Code_NONE] IN
  LET s_5 == [s_4 EXCEPT !.waker[operation] = WakerKind_NONE] IN
  LET s_6 == [s_5 EXCEPT !.waker_future[operation] = None] IN
  LET s_7 == [s_6 EXCEPT !.started[operation] = FALSE] IN
  LET s_8 == [s_7 EXCEPT !.owner[operation] = None] IN
  LET s_9 == [s_8 EXCEPT !.deferred[operation] = FALSE] IN
  LET Turn(s_10, task) ==
      LET Turn_2(s_11, handle) ==
          IF (s_11.waitables[task][handle] = operation)
          THEN
            LET s_12 == [s_11 EXCEPT !.dangling[task][handle] = TRUE] IN
            s_12
          ELSE
            s_11
      IN
      LET s_13 == Turn_2(Turn_2(Turn_2(Turn_2(Turn_2(s_10, 0), 1), 2), 3), 4) IN
      s_13
  IN
  LET s_14 == Turn(Turn(s_9, 0), 1) IN
  LET s_15 == waker_drop(s_14, waker, future) IN
  IF s_15.wrong # "" THEN s_15 ELSE
  s_15

(* program.py:172 Poll, and drop the operation once it is ready, as `.await` does. *)
poll_here(s, operation, waker, future, answer) ==
  LET Rest(s_2) ==
      LET c == poll_complete(s_2, operation, waker, future, answer) IN
      IF c.s.wrong # "" THEN c.s ELSE
      IF c.r
      THEN
        LET s_3 == finish_future_end(c.s, operation) IN
        IF s_3.wrong # "" THEN s_3 ELSE
        LET s_4 == operation_free(s_3, operation) IN
        IF s_4.wrong # "" THEN s_4 ELSE
        s_4
      ELSE
        c.s
  IN
  IF (s.state[operation] = OperationState_FREE)
  THEN
    LET s_5 == operation_new(s, operation) IN
    LET s_6 == [s_5 EXCEPT !.owner[operation] = current_future(s_5)] IN
    Rest(s_6)
  ELSE
    Rest(s)

(* program.py:186 Poll an operation with the waker of the future that runs. *)
poll(s, operation) ==
  LET future == current_future(s) IN
  LET s_2 == poll_here(s, operation, WakerKind_CONTEXT, future, SubtaskState_STARTING) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* program.py:209 Call an async import: the first poll of a subtask, which comes as far as `answer`. *)
call_import(s, operation, answer) ==
  LET future == current_future(s) IN
  LET s_2 == poll_here(s, operation, WakerKind_CONTEXT, future, answer) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* versions/v2.py:193 `WaitableOperation::unregister_waker`: from the task that was kept, else the current one. *)
unregister_waker(s, operation, waitable) ==
  LET kept == s.cabi_task[operation] IN
  LET Rest(s_2, previous) ==
      IF ((~(previous = None)) /\ (previous # operation))
      THEN
        [s_2 EXCEPT !.kind = "panic", !.wrong = "panic waitable::unregister_waker::prev-is-own"]
      ELSE
        s_2
  IN
  IF (~(kept = None))
  THEN
    LET c == cabi_task_unregister(s, operation, kept, waitable) IN
    IF c.s.wrong # "" THEN c.s ELSE
    Rest(c.s, c.r)
  ELSE
    LET c_2 == wasip3_task_take(s) IN
    IF (c_2.r = None)
    THEN
      [c_2.s EXCEPT !.kind = "panic", !.wrong = "panic waitable::unregister_waker::task-set"]
    ELSE
      LET task == c_2.r IN
      LET c_3 == unregister_from(c_2.s, task, waitable) IN
      IF c_3.s.wrong # "" THEN c_3.s ELSE
      LET s_3 == wasip3_task_restore(c_3.s, task) IN
      Rest(s_3, c_3.r)

(* host.py:431 Cancel synchronously; a callee that has started gives up, unless `callee_returns`. *)
canon_subtask_cancel(s, handle, callee_returns) ==
  LET c == table_get(s, handle) IN
  IF c.s.wrong # "" THEN [s |-> c.s, r |-> None] ELSE
  IF (c.r # HandleKind_SUBTASK)
  THEN
    [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::canon_subtask_cancel::not-a-subtask"], r |-> None]
  ELSE
    IF c.s.resolve_delivered[handle]
    THEN
      [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::canon_subtask_cancel::resolution-delivered"], r |-> None]
    ELSE
      IF c.s.cancellation_requested[handle]
      THEN
        [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::canon_subtask_cancel::cancelled-twice"], r |-> None]
      ELSE
        IF (~(c.s.wset[handle] = None))
        THEN
          [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::canon_subtask_cancel::sync-in-set"], r |-> None]
        ELSE
          LET Rest(s_2) ==
              LET s_3 == [s_2 EXCEPT !.pending[handle] = Pending_NOTHING] IN
              subtask_event(s_3, handle)
          IN
          IF (~resolved(c.s, handle))
          THEN
            LET s_4 == [c.s EXCEPT !.cancellation_requested[handle] = TRUE] IN
            IF (s_4.subtask_state[handle] = SubtaskState_STARTING)
            THEN
              LET s_5 == [s_4 EXCEPT !.subtask_state[handle] = SubtaskState_CANCELLED_BEFORE_STARTED] IN
              Rest(s_5)
            ELSE
              IF callee_returns
              THEN
                LET s_6 == [s_4 EXCEPT !.subtask_state[handle] = SubtaskState_RETURNED] IN
                Rest(s_6)
              ELSE
                LET s_7 == [s_4 EXCEPT !.subtask_state[handle] = SubtaskState_CANCELLED_BEFORE_RETURNED] IN
                Rest(s_7)
          ELSE
            Rest(c.s)

(* host.py:304 `cancel_copy`, called synchronously: traps while the end is in a set. *)
cancel_copy(s, handle, kind) ==
  LET c == table_get(s, handle) IN
  IF c.s.wrong # "" THEN [s |-> c.s, r |-> None] ELSE
  IF (c.r # kind)
  THEN
    [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::cancel_copy::wrong-end"], r |-> None]
  ELSE
    IF (c.s.copy_state[handle] # CopyState_COPYING)
    THEN
      [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::cancel_copy::not-copying"], r |-> None]
    ELSE
      IF (~(c.s.wset[handle] = None))
      THEN
        [s |-> [c.s EXCEPT !.kind = "trap", !.wrong = "trap host::cancel_copy::sync-in-set"], r |-> None]
      ELSE
        LET s_2 == [c.s EXCEPT !.copy_state[handle] = CopyState_CANCELLING_COPY] IN
        LET channel == s_2.end_channel[handle] IN
        LET Rest(s_3) ==
            LET Rest_2(s_4) ==
                get_pending_event(s_4, handle)
            IN
            IF ((s_3.pending[handle] = Pending_COMPLETED) /\ (~(channel = None)) /\ (~p_is_future[channel]))
            THEN
              LET s_5 == [s_3 EXCEPT !.pending[handle] = Pending_CANCELLED] IN
              Rest_2(s_5)
            ELSE
              Rest_2(s_3)
        IN
        IF ((s_2.pending[handle] = Pending_NOTHING) /\ (~(channel = None)))
        THEN
          LET s_6 == reset_and_notify_pending(s_2, channel, Pending_CANCELLED) IN
          Rest(s_6)
        ELSE
          Rest(s_2)

(* host.py:322 Take the read back. *)
canon_stream_cancel_read(s, handle) ==
  cancel_copy(s, handle, HandleKind_STREAM_READ)

(* host.py:328 Take the write back. *)
canon_stream_cancel_write(s, handle) ==
  cancel_copy(s, handle, HandleKind_STREAM_WRITE)

(* host.py:334 Take the read back. *)
canon_future_cancel_read(s, handle) ==
  cancel_copy(s, handle, HandleKind_FUTURE_READ)

(* host.py:340 Take the write back. *)
canon_future_cancel_write(s, handle) ==
  cancel_copy(s, handle, HandleKind_FUTURE_WRITE)

(* waitable_op.py:185 `WaitableOp::in_progress_cancel`; a callee that has started may return all the same. *)
in_progress_cancel(s, operation, callee_returns) ==
  LET c == in_progress_waitable(s, operation) IN
  IF c.s.wrong # "" THEN [s |-> c.s, r |-> None] ELSE
  LET kind == OperationKind_SUBTASK IN
  IF (kind = OperationKind_SUBTASK)
  THEN
    canon_subtask_cancel(c.s, c.r, callee_returns)
  ELSE
    IF (kind = OperationKind_STREAM_READ)
    THEN
      canon_stream_cancel_read(c.s, c.r)
    ELSE
      IF (kind = OperationKind_STREAM_WRITE)
      THEN
        canon_stream_cancel_write(c.s, c.r)
      ELSE
        IF (kind = OperationKind_FUTURE_READ)
        THEN
          canon_future_cancel_read(c.s, c.r)
        ELSE
          canon_future_cancel_write(c.s, c.r)

(* waitable.py:194 `WaitableOperation::cancel` (waitable.rs:354): the code that the operation ended with. *)
cancel(s, operation, callee_returns) ==
  IF (s.state[operation] = OperationState_START)
  THEN
    LET s_2 == [s EXCEPT !.state[operation] = OperationState_DONE] IN
    [s |-> s_2, r |-> Code_NONE]
  ELSE
    IF (s.state[operation] = OperationState_DONE)
    THEN
      [s |-> [s EXCEPT !.kind = "panic", !.wrong = "panic waitable::cancel::not-done"], r |-> None]
    ELSE
      LET status == s.code[operation] IN
      LET s_3 == [s EXCEPT !.code[operation] = Code_NONE] IN
      LET Rest(s_4) ==
          LET c == in_progress_cancel(s_4, operation, callee_returns) IN
          IF c.s.wrong # "" THEN [s |-> c.s, r |-> None] ELSE
          LET c_2 == poll_complete_with_code(c.s, operation, c.r, FALSE, WakerKind_NONE, None) IN
          IF c_2.s.wrong # "" THEN [s |-> c_2.s, r |-> None] ELSE
          IF (~c_2.r)
          THEN
            [s |-> [c_2.s EXCEPT !.kind = "panic", !.wrong = "panic waitable::cancel::cancel-final"], r |-> None]
          ELSE
            [s |-> c_2.s, r |-> c.r]
      IN
      IF (status # Code_NONE)
      THEN
        LET c_3 == poll_complete_with_code(s_3, operation, status, FALSE, WakerKind_NONE, None) IN
        IF c_3.s.wrong # "" THEN [s |-> c_3.s, r |-> None] ELSE
        IF c_3.r
        THEN
          [s |-> c_3.s, r |-> status]
        ELSE
          Rest(c_3.s)
      ELSE
        LET c_4 == in_progress_waitable(s_3, operation) IN
        IF c_4.s.wrong # "" THEN [s |-> c_4.s, r |-> None] ELSE
        LET s_5 == unregister_waker(c_4.s, operation, c_4.r) IN
        IF s_5.wrong # "" THEN [s |-> s_5, r |-> None] ELSE
        Rest(s_5)

(* waitable.py:276 `DeferredWrite::wake`: poll the write; it goes away once it is done. *)
deferred_write_wake(s, operation) ==
  LET c == poll_complete(s, operation, WakerKind_DEFERRED, None, SubtaskState_STARTING) IN
  IF c.s.wrong # "" THEN c.s ELSE
  IF c.r
  THEN
    LET s_2 == finish_future_end(c.s, operation) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    IF (s_2.waker[operation] # WakerKind_NONE)
    THEN
      [s_2 EXCEPT !.kind = "panic", !.wrong = "panic future_support::wake::ready-last-reference"]
    ELSE
      LET s_3 == operation_free(s_2, operation) IN
      IF s_3.wrong # "" THEN s_3 ELSE
      s_3
  ELSE
    IF (c.s.waker[operation] # WakerKind_DEFERRED)
    THEN
      [c.s EXCEPT !.kind = "panic", !.wrong = "panic future_support::wake::pending-kept-alive"]
    ELSE
      c.s

(* waitable.py:266 `DeferredWrite`: a write that owns itself and is its own waker. *)
deferred_write_new(s, channel) ==
  LET operation == p_deferred_write[channel] IN
  IF (operation = None)
  THEN
    [s EXCEPT !.kind = "bound", !.wrong = "bound deferred_write"]
  ELSE
    LET s_2 == operation_new(s, operation) IN
    LET s_3 == [s_2 EXCEPT !.deferred[operation] = TRUE] IN
    LET s_4 == deferred_write_wake(s_3, operation) IN
    IF s_4.wrong # "" THEN s_4 ELSE
    s_4

(* waitable.py:259 `RawFutureWriter::write_and_forget` of the writer that `operation` gave back. *)
write_and_forget(s, operation) ==
  LET channel == None IN
  IF (~(channel = None))
  THEN
    LET s_2 == deferred_write_new(s, channel) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    s_2
  ELSE
    s

(* waitable.py:244 `WaitableOperation::drop`; for futures what `FutureWrite` and `FutureRead` add to it. *)
operation_drop(s, operation, callee_returns) ==
  LET Rest(s_2) ==
      LET s_3 == operation_free(s_2, operation) IN
      IF s_3.wrong # "" THEN s_3 ELSE
      s_3
  IN
  IF (s.state[operation] # OperationState_DONE)
  THEN
    LET c == cancel(s, operation, callee_returns) IN
    IF c.s.wrong # "" THEN c.s ELSE
    LET kind == OperationKind_SUBTASK IN
    IF ((kind = OperationKind_FUTURE_WRITE) /\ ((c.r = Code_NONE) \/ (c.r = Code_CANCELLED_0)))
    THEN
      LET s_4 == write_and_forget(c.s, operation) IN
      IF s_4.wrong # "" THEN s_4 ELSE
      Rest(s_4)
    ELSE
      LET s_5 == finish_future_end(c.s, operation) IN
      IF s_5.wrong # "" THEN s_5 ELSE
      Rest(s_5)
  ELSE
    Rest(s)

(* program.py:240 Drop an operation; a subtask's callee that has started may return all the same. *)
drop_operation(s, operation, callee_returns) ==
  LET s_2 == operation_drop(s, operation, callee_returns) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* program.py:259 Move an operation into shared storage. *)
move_to_storage(s, operation) ==
  LET s_2 == [s EXCEPT !.owner[operation] = None] IN
  s_2

(* versions/v3.py:187 `Abortable::poll` after Pending: register the waker; the flag is looked at again. *)
abortable_pending__v3(s, task, future) ==
  LET s_2 == [s EXCEPT !.abort_waker[future] = FALSE] IN
  s_2

(* spawn.py:257  *)
abortable_pending(s, task, future) ==
  IF (executor_role(s, task) = ExecutorRole_BLOCK_ON)
  THEN
    s
  ELSE
    LET s_2 == abortable_pending__v3(s, task, future) IN
    s_2

(* spawn.py:251 `Abortable::is_aborted` of the future that the task polls: before V3 none is. *)
is_aborted__base(s, task) ==
  FALSE

(* versions/v3.py:180 `Abortable::is_aborted` of the future that the task polls: it is dropped instead. *)
is_aborted__v3(s, task) ==
  LET future == s.polling[task] IN
  ((~(future = None)) /\ s.aborted[future])

(* spawn.py:251  *)
is_aborted(s, task) ==
  IF (executor_role(s, task) = ExecutorRole_BLOCK_ON)
  THEN
    is_aborted__base(s, task)
  ELSE
    is_aborted__v3(s, task)

(* spawn.py:215 The program's future returned Pending. *)
tasks_future_pending(s, task, future) ==
  LET s_2 == [s EXCEPT !.polling[task] = None] IN
  [s |-> s_2, r |-> Polled_PENDING]

(* spawn.py:17 `Tasks::is_empty`. *)
tasks_is_empty(s, task) ==
  (~(\E future \in Future : (s.future_task[future] = task)))

(* waitable_set.py:15 `remaining_work`: a waitable is registered. *)
remaining_work(s, task) ==
  (\E handle \in Handle : (~(s.waitables[task][handle] = None)))

(* async_support.py:60 Swap the pointer to the current task. *)
wasip3_task_set(s, task) ==
  LET previous == s.wasip3_task IN
  LET s_2 == [s EXCEPT !.wasip3_task = task] IN
  [s |-> s_2, r |-> previous]

(* async_support.py:72 The end of `with_p3_task_set`: `ResetTask::drop`. *)
reset_task(s, task) ==
  LET c == wasip3_task_set(s, s.saved_task[task]) IN
  LET s_2 == [c.s EXCEPT !.saved_task[task] = None] IN
  s_2

(* versions/v1_1638.py:17 Out of the set first, then take the read back. *)
cancel_inter_task_stream_read(s, task) ==
  IF (~s.stream_reading[task])
  THEN
    s
  ELSE
    LET s_2 == [s EXCEPT !.stream_reading[task] = FALSE] IN
    LET t1 == s_2.stream[task] IN
    IF (t1 = None)
    THEN
      [s_2 EXCEPT !.kind = "panic", !.wrong = "panic inter_task_wakeup::cancel_inter_task_stream_read::stream-made"]
    ELSE
      LET handle == t1 IN
      LET s_3 == remove_waitable_from_all_sets(s_2, handle) IN
      IF s_3.wrong # "" THEN s_3 ELSE
      LET c == canon_stream_cancel_read(s_3, handle) IN
      IF c.s.wrong # "" THEN c.s ELSE
      c.s

(* spawn.py:31 The end of the futures: nothing is queued any more, the queue's waker is dropped. *)
tasks_drop(s, task) ==
  LET Turn(s_2, future) ==
      IF (s_2.future_task[future] = task)
      THEN
        LET s_3 == [s_2 EXCEPT !.future_task[future] = None] IN
        LET s_4 == [s_3 EXCEPT !.link_rank[future] = 0] IN
        LET s_5 == [s_4 EXCEPT !.queue_rank[future] = 0] IN
        LET s_6 == [s_5 EXCEPT !.woken[future] = FALSE] IN
        s_6
      ELSE
        s_2
  IN
  LET s_7 == Turn(Turn(s, 0), 1) IN
  IF s_7.queue_waker[task]
  THEN
    LET s_8 == [s_7 EXCEPT !.queue_waker[task] = FALSE] IN
    LET s_9 == drop_strong_reference(s_8, task) IN
    IF s_9.wrong # "" THEN s_9 ELSE
    s_9
  ELSE
    s_7

(* host.py:366 Drop the readable end. *)
canon_stream_drop_readable(s, handle) ==
  LET s_2 == drop_end(s, handle, HandleKind_STREAM_READ) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* async_support.py:294 The reader of the inter-task stream is dropped. *)
inter_task_stream_drop(s, task) ==
  LET reader == s.stream[task] IN
  LET s_2 == [s EXCEPT !.stream[task] = None] IN
  LET s_3 == [s_2 EXCEPT !.stream_reading[task] = FALSE] IN
  IF (~(reader = None))
  THEN
    LET s_4 == canon_stream_drop_readable(s_3, reader) IN
    IF s_4.wrong # "" THEN s_4 ELSE
    s_4
  ELSE
    s_3

(* versions/v2.py:135 The fields of `TaskState` in their order: tasks, both references, the stream. *)
state_drop_fields(s, task) ==
  LET s_2 == tasks_drop(s, task) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  LET s_3 == drop_strong_reference(s_2, task) IN
  IF s_3.wrong # "" THEN s_3 ELSE
  LET s_4 == drop_strong_reference(s_3, task) IN
  IF s_4.wrong # "" THEN s_4 ELSE
  LET s_5 == inter_task_stream_drop(s_4, task) IN
  IF s_5.wrong # "" THEN s_5 ELSE
  s_5

(* hosts/spec_26e6ea9d.py:169 The pointer is at `place`. Of the places only their order counts, and which of them is 0. *)
set_stack_pointer(s, place) ==
  LET old == s.stack_pointer IN
  LET s_2 == [s EXCEPT !.stack_pointer = place] IN
  IF ((old > 0) /\ (place # old) /\ (~(\E task \in Task : (s_2.frame[task] = old))) /\ (~(\E export \in SyncExport : (s_2.sync_frame[export] = old))))
  THEN
    LET Turn(s_3, task_2) ==
        IF (s_3.frame[task_2] > old)
        THEN
          LET s_4 == [s_3 EXCEPT !.frame[task_2] = (s_3.frame[task_2] - 1)] IN
          s_4
        ELSE
          s_3
    IN
    LET s_5 == Turn(Turn(s_2, 0), 1) IN
    LET Turn_2(s_6, export_2) ==
        IF (s_6.sync_frame[export_2] > old)
        THEN
          LET s_7 == [s_6 EXCEPT !.sync_frame[export_2] = (s_6.sync_frame[export_2] - 1)] IN
          s_7
        ELSE
          s_6
    IN
    LET s_8 == Turn_2(Turn_2(s_5, 0), 1) IN
    IF (place > old)
    THEN
      LET s_9 == [s_8 EXCEPT !.stack_pointer = (place - 1)] IN
      s_9
    ELSE
      s_8
  ELSE
    s_2

(* hosts/spec_26e6ea9d.py:162 The task's frame is gone, and the pointer is where it was before. *)
pop_frame(s, task) ==
  LET place == s.frame[task] IN
  LET s_2 == [s EXCEPT !.frame[task] = 0] IN
  LET s_3 == set_stack_pointer(s_2, place) IN
  s_3

(* hosts/spec_26e6ea9d.py:374 What called the task runs: a task, an export that is no callback task, or the host. *)
return_to_caller(s, task) ==
  LET s_2 == [s EXCEPT !.running = s.caller[task]] IN
  LET s_3 == [s_2 EXCEPT !.sync_running = s_2.sync_caller[task]] IN
  LET s_4 == [s_3 EXCEPT !.caller[task] = None] IN
  LET s_5 == [s_4 EXCEPT !.sync_caller[task] = None] IN
  LET s_6 == pop_frame(s_5, task) IN
  s_6

(* hosts/wasmtime_50.py:91 Lines 2164 to 2189: a thread of the instance goes on next, if the flag is on. *)
switch_or_trap_if_may_not_suspend(s, task) ==
  LET Rest(s_2) ==
      LET s_3 == [s_2 EXCEPT !.starting = FALSE] IN
      s_3
  IN
  IF (s.do_not_suspend /\ (~s.starting))
  THEN
    LET s_4 == [s EXCEPT !.switching = task] IN
    Rest(s_4)
  ELSE
    Rest(s)

(* hosts/wasmtime_50.py:204 A frame is gone; a callback that returned EXIT (2786-2797) is held to the rule. *)
leave_frame(s, task) ==
  LET s_2 == return_to_caller(s, task) IN
  IF (s_2.executor_role[task] = ExecutorRole_EXPORT)
  THEN
    LET s_3 == [s_2 EXCEPT !.cancel_event[task] = FALSE] IN
    LET s_4 == switch_or_trap_if_may_not_suspend(s_3, task) IN
    s_4
  ELSE
    s_2

(* host.py:495 The export's last return: traps unless the task gave its result or was cancelled. *)
exit_implicit_thread(s, task) ==
  IF (s.host_task[task] # HostTask_RESOLVED)
  THEN
    [s EXCEPT !.kind = "trap", !.wrong = "trap host::Task.unregister_thread::not-resolved"]
  ELSE
    LET s_2 == [s EXCEPT !.host_task[task] = HostTask_INITIAL] IN
    s_2

(* async_support.py:303 The state is gone: back to the host, or to the caller of `block_on`. *)
end_task(s, task) ==
  LET s_2 == [s EXCEPT !.alive[task] = FALSE] IN
  LET s_3 == [s_2 EXCEPT !.phase[task] = Phase_ENDED] IN
  LET s_4 == leave_frame(s_3, task) IN
  IF (s_4.executor_role[task] = ExecutorRole_EXPORT)
  THEN
    LET s_5 == exit_implicit_thread(s_4, task) IN
    IF s_5.wrong # "" THEN s_5 ELSE
    s_5
  ELSE
    s_4

(* async_support.py:67 The beginning of `with_p3_task_set`. *)
with_p3_task_set(s, task) ==
  LET c == wasip3_task_set(s, task) IN
  LET s_2 == [c.s EXCEPT !.saved_task[task] = c.r] IN
  s_2

(* async_support.py:249 `FutureState::drop` (327): futures that are left are dropped with the task set. *)
state_drop__base(s, task) ==
  LET s_2 == cancel_inter_task_stream_read(s, task) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  IF tasks_is_empty(s_2, task)
  THEN
    LET s_3 == state_drop_fields(s_2, task) IN
    IF s_3.wrong # "" THEN s_3 ELSE
    LET s_4 == end_task(s_3, task) IN
    IF s_4.wrong # "" THEN s_4 ELSE
    s_4
  ELSE
    LET s_5 == with_p3_task_set(s_2, task) IN
    LET s_6 == [s_5 EXCEPT !.phase[task] = Phase_DROPPING] IN
    s_6

(* versions/v3.py:121 `TaskState::drop`, when no future is left: a waker that is kept wakes nothing any more. *)
state_drop__v3(s, task) ==
  LET s_2 == [s EXCEPT !.sleep_state[task] = SleepState_WOKEN] IN
  LET s_3 == cancel_inter_task_stream_read(s_2, task) IN
  IF s_3.wrong # "" THEN s_3 ELSE
  LET s_4 == state_drop_fields(s_3, task) IN
  IF s_4.wrong # "" THEN s_4 ELSE
  LET s_5 == end_task(s_4, task) IN
  IF s_5.wrong # "" THEN s_5 ELSE
  s_5

(* async_support.py:249  *)
state_drop(s, task) ==
  IF (executor_role(s, task) = ExecutorRole_BLOCK_ON)
  THEN
    LET s_2 == state_drop__base(s, task) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    s_2
  ELSE
    LET s_3 == state_drop__v3(s, task) IN
    IF s_3.wrong # "" THEN s_3 ELSE
    s_3

(* host.py:490 Put the task's state into its context-local storage, or null. *)
canon_context_set(s, task, state) ==
  LET s_2 == [s EXCEPT !.context[task] = state] IN
  s_2

(* hosts/spec_26e6ea9d.py:350 The frame of a callback is gone. *)
leave_turn(s, task) ==
  LET s_2 == [s EXCEPT !.running = None] IN
  LET s_3 == pop_frame(s_2, task) IN
  s_3

(* hosts/wasmtime_50.py:196 `handle_callback_code` (2804-2880): nobody is held to the rule at YIELD and WAIT. *)
end_turn(s, task, code) ==
  LET s_2 == leave_turn(s, task) IN
  LET s_3 == [s_2 EXCEPT !.starting = FALSE] IN
  LET s_4 == [s_3 EXCEPT !.phase[task] = (IF (code = CallbackCode_YIELD) THEN Phase_YIELDED ELSE Phase_WAITING)] IN
  s_4

(* async_support.py:225 `block_on` after YIELD (553): poll the set, which may never have been made. *)
block_on_yield__base(s, task) ==
  LET t1 == s.waitable_set[task] IN
  IF (t1 = None)
  THEN
    [s EXCEPT !.kind = "panic", !.wrong = "panic async_support::block_on::yield-set-exists"]
  ELSE
    LET s_2 == [s EXCEPT !.phase[task] = Phase_BLOCKED_POLL] IN
    s_2

(* versions/v3.py:115 `block_on` after YIELD: turn the loop; `callback` polls the set, if there is one. *)
block_on_yield__v3(s, task) ==
  LET s_2 == [s EXCEPT !.phase[task] = Phase_YIELDED] IN
  s_2

(* async_support.py:225  *)
block_on_yield(s, task) ==
  IF (executor_role(s, task) = ExecutorRole_BLOCK_ON)
  THEN
    LET s_2 == block_on_yield__base(s, task) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    s_2
  ELSE
    LET s_3 == block_on_yield__v3(s, task) IN
    s_3

(* hosts/wasmtime_50.py:99 `waitable_check` (4297-4311): suspended, and perhaps held to the rule. *)
wait_in_host(s, task) ==
  LET s_2 == [s EXCEPT !.phase[task] = Phase_BLOCKED_WAIT] IN
  IF (~has_pending_event(s_2, task))
  THEN
    LET s_3 == [s_2 EXCEPT !.running = None] IN
    LET s_4 == switch_or_trap_if_may_not_suspend(s_3, task) IN
    s_4
  ELSE
    s_2

(* async_support.py:194 Return the code to the exported `callback` (525-532) or to `block_on` (548-555). *)
callback_return(s, task, code) ==
  IF (code = CallbackCode_EXIT)
  THEN
    LET s_2 == state_drop(s, task) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    s_2
  ELSE
    IF (s.executor_role[task] = ExecutorRole_EXPORT)
    THEN
      LET s_3 == canon_context_set(s, task, TRUE) IN
      LET s_4 == end_turn(s_3, task, code) IN
      s_4
    ELSE
      IF (code = CallbackCode_YIELD)
      THEN
        LET s_5 == block_on_yield(s, task) IN
        IF s_5.wrong # "" THEN s_5 ELSE
        s_5
      ELSE
        LET t1 == s.waitable_set[task] IN
        IF (t1 = None)
        THEN
          [s EXCEPT !.kind = "panic", !.wrong = "panic async_support::block_on::wait-set-exists"]
        ELSE
          LET s_6 == wait_in_host(s, task) IN
          s_6

(* async_support.py:176 `break CallbackCode::Wait` (246, 278). *)
callback_return_wait(s, task) ==
  LET s_2 == reset_task(s, task) IN
  LET s_3 == callback_return(s_2, task, CallbackCode_WAIT) IN
  IF s_3.wrong # "" THEN s_3 ELSE
  s_3

(* async_support.py:170 `FutureState::callback` (245): no future is left, but a waitable is registered. *)
wait_when_done(s, task) ==
  LET t1 == s.waitable_set[task] IN
  IF (t1 = None)
  THEN
    [s EXCEPT !.kind = "panic", !.wrong = "panic async_support::TaskState.callback::ready-set-exists"]
  ELSE
    LET s_2 == callback_return_wait(s, task) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    s_2

(* async_support.py:188 `break CallbackCode::Exit` (248). *)
callback_return_exit(s, task) ==
  LET s_2 == reset_task(s, task) IN
  LET s_3 == callback_return(s_2, task, CallbackCode_EXIT) IN
  IF s_3.wrong # "" THEN s_3 ELSE
  s_3

(* async_support.py:182 `break CallbackCode::Yield` (267). *)
callback_return_yield(s, task) ==
  LET s_2 == reset_task(s, task) IN
  LET s_3 == callback_return(s_2, task, CallbackCode_YIELD) IN
  IF s_3.wrong # "" THEN s_3 ELSE
  s_3

(* inter_task_wakeup.py:18 Make the stream at the first sleep, and read from it. *)
read_inter_task_stream(s, task) ==
  IF (~remaining_work(s, task))
  THEN
    [s EXCEPT !.kind = "panic", !.wrong = "panic inter_task_wakeup_disabled::read_inter_task_stream::waits-on-a-waitable"]
  ELSE
    s

(* async_support.py:139 `FutureState::callback` (237-280): the rest of a turn, from the answer of a poll on. *)
after_poll(s, task, answer) ==
  IF (answer = Polled_PROGRAM)
  THEN
    LET s_2 == [s EXCEPT !.phase[task] = (IF is_aborted(s, task) THEN Phase_DROPPING ELSE Phase_POLLING)] IN
    s_2
  ELSE
    IF (answer = Polled_READY)
    THEN
      IF (~tasks_is_empty(s, task))
      THEN
        [s EXCEPT !.kind = "panic", !.wrong = "panic async_support::TaskState.callback::ready-means-no-tasks"]
      ELSE
        IF remaining_work(s, task)
        THEN
          LET s_3 == wait_when_done(s, task) IN
          IF s_3.wrong # "" THEN s_3 ELSE
          s_3
        ELSE
          LET s_4 == callback_return_exit(s, task) IN
          IF s_4.wrong # "" THEN s_4 ELSE
          s_4
    ELSE
      IF tasks_is_empty(s, task)
      THEN
        [s EXCEPT !.kind = "panic", !.wrong = "panic async_support::TaskState.callback::pending-means-tasks"]
      ELSE
        IF (s.sleep_state[task] = SleepState_WOKEN)
        THEN
          IF remaining_work(s, task)
          THEN
            LET t1 == s.waitable_set[task] IN
            IF (t1 = None)
            THEN
              [s EXCEPT !.kind = "panic", !.wrong = "panic async_support::TaskState.callback::woken-set-exists"]
            ELSE
              LET s_5 == [s EXCEPT !.phase[task] = Phase_SET_POLL] IN
              s_5
          ELSE
            LET s_6 == callback_return_yield(s, task) IN
            IF s_6.wrong # "" THEN s_6 ELSE
            s_6
        ELSE
          LET s_7 == [s EXCEPT !.sleep_state[task] = SleepState_SLEEPING] IN
          LET s_8 == read_inter_task_stream(s_7, task) IN
          IF s_8.wrong # "" THEN s_8 ELSE
          LET t2 == s_8.waitable_set[task] IN
          IF (t2 = None)
          THEN
            [s_8 EXCEPT !.kind = "panic", !.wrong = "panic async_support::TaskState.callback::sleep-set-exists"]
          ELSE
            LET s_9 == callback_return_wait(s_8, task) IN
            IF s_9.wrong # "" THEN s_9 ELSE
            s_9

(* program.py:339 The future that runs returns Pending; somebody knows its waker. *)
return_pending(s) ==
  LET future == current_future(s) IN
  LET running == s.running IN
  LET s_2 == abortable_pending(s, running, future) IN
  IF is_aborted(s_2, running)
  THEN
    LET s_3 == [s_2 EXCEPT !.phase[running] = Phase_DROPPING] IN
    s_3
  ELSE
    LET c == tasks_future_pending(s_2, running, future) IN
    LET s_4 == after_poll(c.s, running, c.r) IN
    IF s_4.wrong # "" THEN s_4 ELSE
    s_4

(* host.py:468 Give the export's result. *)
canon_task_return(s, task) ==
  IF (s.host_task[task] = HostTask_RESOLVED)
  THEN
    [s EXCEPT !.kind = "trap", !.wrong = "trap host::Task.return_::already-resolved"]
  ELSE
    LET s_2 == [s EXCEPT !.host_task[task] = HostTask_RESOLVED] IN
    s_2

(* spawn.py:70 Put a future at the end of the queue of those that are ready to run. *)
enqueue(s, task, future) ==
  LET s_2 == [s EXCEPT !.queue_rank[future] = (1 + Cardinality({other \in Future : ((s.future_task[other] = task) /\ (s.queue_rank[other] > 0))}))] IN
  s_2

(* wakers.py:70 `WakerState::wake`. *)
waker_state_wake(s, task) ==
  [s EXCEPT !.kind = "panic", !.wrong = "panic inter_task_wakeup_disabled::wake::feature-enabled"]

(* wakers.py:60 `Wake::wake_by_ref`: a task that sleeps is woken through its inter-task stream. *)
wake_by_ref(s, task) ==
  IF (s.strong_count[task] = 0)
  THEN
    [s EXCEPT !.kind = "undefined", !.wrong = "undefined async_support::wake_by_ref::freed"]
  ELSE
    LET state == s.sleep_state[task] IN
    LET s_2 == [s EXCEPT !.sleep_state[task] = SleepState_WOKEN] IN
    IF (state = SleepState_SLEEPING)
    THEN
      LET s_3 == waker_state_wake(s_2, task) IN
      IF s_3.wrong # "" THEN s_3 ELSE
      s_3
    ELSE
      s_2

(* spawn.py:100 `Task::wake_by_ref` of `FuturesUnordered`: queue the child, wake the parent once. *)
child_wake_by_ref(s, future) ==
  LET task == s.future_task[future] IN
  IF (task = None)
  THEN
    s
  ELSE
    IF (is_dropped_now(s, future) /\ (s.polling[task] # future))
    THEN
      s
    ELSE
      LET s_2 == [s EXCEPT !.woken[future] = TRUE] IN
      IF (s_2.queue_rank[future] = 0)
      THEN
        LET s_3 == enqueue(s_2, task, future) IN
        IF s_3.queue_waker[task]
        THEN
          LET s_4 == [s_3 EXCEPT !.queue_waker[task] = FALSE] IN
          LET s_5 == wake_by_ref(s_4, task) IN
          IF s_5.wrong # "" THEN s_5 ELSE
          LET s_6 == drop_strong_reference(s_5, task) IN
          IF s_6.wrong # "" THEN s_6 ELSE
          s_6
        ELSE
          s_3
      ELSE
        s_2

(* waitable.py:68 `Waker::wake_by_ref` of the waker that a future was polled with. *)
context_wake_by_ref(s, future) ==
  LET task == waker_task(s, future) IN
  IF (task = None)
  THEN
    LET s_2 == child_wake_by_ref(s, future) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    s_2
  ELSE
    LET s_3 == wake_by_ref(s, task) IN
    IF s_3.wrong # "" THEN s_3 ELSE
    s_3

(* versions/v3.py:193 What wraps the future ends with it; `Sender::send` wakes what awaits the `JoinHandle`. *)
abortable_ready__v3(s, task, future) ==
  LET s_2 == [s EXCEPT !.aborted[future] = FALSE] IN
  LET s_3 == [s_2 EXCEPT !.abort_waker[future] = FALSE] IN
  LET waiter == s_3.rx_task[future] IN
  IF (~(waiter = None))
  THEN
    LET s_4 == [s_3 EXCEPT !.rx_task[future] = None] IN
    LET s_5 == context_wake_by_ref(s_4, waiter) IN
    IF s_5.wrong # "" THEN s_5 ELSE
    LET s_6 == waker_drop(s_5, WakerKind_CONTEXT, waiter) IN
    IF s_6.wrong # "" THEN s_6 ELSE
    s_6
  ELSE
    s_3

(* spawn.py:263  *)
abortable_ready(s, task, future) ==
  IF (executor_role(s, task) = ExecutorRole_BLOCK_ON)
  THEN
    s
  ELSE
    LET s_2 == abortable_ready__v3(s, task, future) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    s_2

(* spawn.py:52 `unlink`: the children after it move up. *)
unlink(s, task, future) ==
  LET Turn(s_2, other) ==
      IF ((s_2.future_task[other] = task) /\ (s_2.link_rank[other] > s_2.link_rank[future]))
      THEN
        LET s_3 == [s_2 EXCEPT !.link_rank[other] = (s_2.link_rank[other] - 1)] IN
        s_3
      ELSE
        s_2
  IN
  LET s_4 == Turn(Turn(s, 0), 1) IN
  LET s_5 == [s_4 EXCEPT !.link_rank[future] = 0] IN
  s_5

(* spawn.py:88 `release_task`: what is left of the child in the queue is skipped; the others move up. *)
release_child(s, task, future) ==
  LET rank == s.queue_rank[future] IN
  LET s_2 == unlink(s, task, future) IN
  LET s_3 == [s_2 EXCEPT !.future_task[future] = None] IN
  LET s_4 == [s_3 EXCEPT !.queue_rank[future] = 0] IN
  LET s_5 == [s_4 EXCEPT !.woken[future] = FALSE] IN
  LET Turn(s_6, other) ==
      IF ((rank > 0) /\ (s_6.future_task[other] = task) /\ (s_6.queue_rank[other] > rank))
      THEN
        LET s_7 == [s_6 EXCEPT !.queue_rank[other] = (s_6.queue_rank[other] - 1)] IN
        s_7
      ELSE
        s_6
  IN
  LET s_8 == Turn(Turn(s_5, 0), 1) IN
  s_8

(* spawn.py:234 The program's future returned Ready and is gone. *)
tasks_future_ready(s, task, future) ==
  LET s_2 == abortable_ready(s, task, future) IN
  IF s_2.wrong # "" THEN [s |-> s_2, r |-> None] ELSE
  LET s_3 == [s_2 EXCEPT !.polling[task] = None] IN
  LET s_4 == release_child(s_3, task, future) IN
  [s |-> s_4, r |-> Polled_READY]

(* program.py:367 The future that runs is done; it owns nothing any more. *)
return_ready(s) ==
  LET future == current_future(s) IN
  LET running == s.running IN
  LET Rest(s_2) ==
      LET c == tasks_future_ready(s_2, running, future) IN
      IF c.s.wrong # "" THEN c.s ELSE
      LET s_3 == after_poll(c.s, running, c.r) IN
      IF s_3.wrong # "" THEN s_3 ELSE
      s_3
  IN
  IF ((s.executor_role[running] = ExecutorRole_EXPORT) /\ (p_root[running] = future))
  THEN
    LET s_4 == canon_task_return(s, running) IN
    IF s_4.wrong # "" THEN s_4 ELSE
    Rest(s_4)
  ELSE
    Rest(s)

(* hosts/wasmtime_50.py:144 `start_call` (3457-3470): the caller gets control back when the export first waits. *)
start_host_task(s, task) ==
  LET s_2 == [s EXCEPT !.host_task[task] = HostTask_STARTED] IN
  LET s_3 == [s_2 EXCEPT !.starting = TRUE] IN
  s_3

(* spawn.py:47 `link`: the head of the list of all children, which is dropped from its head on. *)
link(s, task, future) ==
  LET s_2 == [s EXCEPT !.link_rank[future] = Cardinality({other \in Future : (s.future_task[other] = task)})] IN
  s_2

(* spawn.py:22 `Tasks::new`: the root future, ready to be polled. *)
tasks_new(s, task) ==
  LET root == p_root[task] IN
  LET s_2 == [s EXCEPT !.future_task[root] = task] IN
  LET s_3 == link(s_2, task, root) IN
  s_3

(* async_support.py:78 `FutureState::new` (V1), `TaskState::new` (V2): two references, a root future. *)
state_new(s, task, role) ==
  LET s_2 == [s EXCEPT !.alive[task] = TRUE] IN
  LET s_3 == [s_2 EXCEPT !.used[task] = FALSE] IN
  LET s_4 == [s_3 EXCEPT !.executor_role[task] = role] IN
  LET s_5 == [s_4 EXCEPT !.sleep_state[task] = SleepState_POLLING] IN
  LET s_6 == [s_5 EXCEPT !.strong_count[task] = 2] IN
  LET s_7 == tasks_new(s_6, task) IN
  s_7

(* host.py:484 Whether the task's context-local storage holds its state. *)
canon_context_get(s, task) ==
  s.context[task]

(* hosts/spec_26e6ea9d.py:155 The place of a new frame on the linear-memory stack. *)
push_frame(s) ==
  LET place == s.stack_pointer IN
  LET s_2 == [s EXCEPT !.stack_pointer = (place + 1)] IN
  [s |-> s_2, r |-> place]

(* hosts/wasmtime_50.py:68 A thread of the instance was picked: nobody is held to the rule any more. *)
switch(s) ==
  LET s_2 == [s EXCEPT !.switching = None] IN
  LET s_3 == [s_2 EXCEPT !.lifted_switching = FALSE] IN
  s_3

(* hosts/wasmtime_50.py:189 A callback is entered: whoever waited has been switched from. *)
begin_turn(s, task) ==
  LET c == push_frame(s) IN
  LET s_2 == [c.s EXCEPT !.frame[task] = c.r] IN
  LET s_3 == switch(s_2) IN
  s_3

(* inter_task_wakeup.py:62 Whether the event is the one of the task's own stream. *)
consume_waitable_event(s, task, waitable) ==
  IF (s.stream[task] = waitable)
  THEN
    LET s_2 == [s EXCEPT !.stream_reading[task] = FALSE] IN
    [s |-> s_2, r |-> TRUE]
  ELSE
    [s |-> s, r |-> FALSE]

(* waitable.py:88 `cabi_wake`: fill in the completion status and wake. *)
cabi_wake(s, operation, dangling, code) ==
  IF dangling
  THEN
    [s EXCEPT !.kind = "undefined", !.wrong = "undefined waitable::cabi_wake::freed-completion-status"]
  ELSE
    LET s_2 == [s EXCEPT !.code[operation] = code] IN
    LET waker == s_2.waker[operation] IN
    LET future == s_2.waker_future[operation] IN
    LET s_3 == [s_2 EXCEPT !.waker[operation] = WakerKind_NONE] IN
    LET s_4 == [s_3 EXCEPT !.waker_future[operation] = None] IN
    IF (waker = WakerKind_NONE)
    THEN
      [s_4 EXCEPT !.kind = "panic", !.wrong = "panic waitable::cabi_wake::waker-present"]
    ELSE
      LET Rest(s_5) ==
          IF (waker = WakerKind_DEFERRED)
          THEN
            LET s_6 == deferred_write_wake(s_5, operation) IN
            IF s_6.wrong # "" THEN s_6 ELSE
            s_6
          ELSE
            s_5
      IN
      IF ((waker = WakerKind_CONTEXT) /\ (~(future = None)))
      THEN
        LET s_7 == context_wake_by_ref(s_4, future) IN
        IF s_7.wrong # "" THEN s_7 ELSE
        LET s_8 == waker_drop(s_7, waker, future) IN
        IF s_8.wrong # "" THEN s_8 ELSE
        Rest(s_8)
      ELSE
        Rest(s_4)

(* async_support.py:231 `deliver_waitable_event` (288): to the inter-task stream, or to the callback in the map. *)
deliver_waitable_event(s, task, waitable, code) ==
  LET s_2 == remove_waitable_from_all_sets(s, waitable) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  LET c == consume_waitable_event(s_2, task, waitable) IN
  IF c.r
  THEN
    c.s
  ELSE
    LET t2 == c.s.waitables[task][waitable] IN
    IF (t2 = None)
    THEN
      [c.s EXCEPT !.kind = "panic", !.wrong = "panic async_support::deliver_waitable_event::waitable-registered"]
    ELSE
      LET operation == t2 IN
      LET dangling == c.s.dangling[task][waitable] IN
      LET s_3 == [c.s EXCEPT !.waitables[task][waitable] = None] IN
      LET s_4 == [s_3 EXCEPT !.dangling[task][waitable] = FALSE] IN
      LET s_5 == cabi_wake(s_4, operation, dangling, code) IN
      IF s_5.wrong # "" THEN s_5 ELSE
      s_5

(* spawn.py:190 `Tasks::poll_next` from its start. *)
tasks_poll_next(s, task) ==
  LET root == p_root[task] IN
  IF (s.future_task[root] = task)
  THEN
    LET s_2 == [s EXCEPT !.polling[task] = root] IN
    [s |-> s_2, r |-> Polled_PROGRAM]
  ELSE
    [s |-> s, r |-> Polled_READY]

(* async_support.py:133 `FutureState::callback` (223-235): the beginning of a turn of the loop. *)
poll_loop(s, task) ==
  LET s_2 == [s EXCEPT !.sleep_state[task] = SleepState_POLLING] IN
  LET c == tasks_poll_next(s_2, task) IN
  LET s_3 == after_poll(c.s, task, c.r) IN
  IF s_3.wrong # "" THEN s_3 ELSE
  s_3

(* async_support.py:123 `FutureState::callback` (200-221): deliver the event in `with_p3_task_set`, then poll. *)
callback_event(s, task, waitable, code) ==
  LET s_2 == with_p3_task_set(s, task) IN
  LET s_3 == [s_2 EXCEPT !.sleep_state[task] = SleepState_WOKEN] IN
  LET Rest(s_4) ==
      LET s_5 == cancel_inter_task_stream_read(s_4, task) IN
      IF s_5.wrong # "" THEN s_5 ELSE
      LET s_6 == poll_loop(s_5, task) IN
      IF s_6.wrong # "" THEN s_6 ELSE
      s_6
  IN
  IF (~(waitable = None))
  THEN
    LET s_7 == deliver_waitable_event(s_3, task, waitable, code) IN
    IF s_7.wrong # "" THEN s_7 ELSE
    Rest(s_7)
  ELSE
    Rest(s_3)

(* async_support.py:113 `FutureState::callback` (180-198): a cancellation is destruction, an event is delivered. *)
state_callback__base(s, task, event, waitable, code) ==
  LET s_2 == [s EXCEPT !.running = task] IN
  LET s_3 == [s_2 EXCEPT !.phase[task] = Phase_POLLING] IN
  IF (event = Event_CANCEL)
  THEN
    LET s_4 == callback_return(s_3, task, CallbackCode_EXIT) IN
    IF s_4.wrong # "" THEN s_4 ELSE
    s_4
  ELSE
    LET s_5 == callback_event(s_3, task, waitable, code) IN
    IF s_5.wrong # "" THEN s_5 ELSE
    s_5

(* versions/v3.py:84 `TaskState::callback`, up to the first poll: a cancellation is `Tasks::cancel_root`, first. *)
state_callback__v3(s, task, event, waitable, code) ==
  LET s_2 == [s EXCEPT !.running = task] IN
  LET s_3 == [s_2 EXCEPT !.phase[task] = Phase_POLLING] IN
  IF (event = Event_CANCEL)
  THEN
    LET s_4 == with_p3_task_set(s_3, task) IN
    LET s_5 == [s_4 EXCEPT !.phase[task] = Phase_DROPPING] IN
    s_5
  ELSE
    LET s_6 == callback_event(s_3, task, waitable, code) IN
    IF s_6.wrong # "" THEN s_6 ELSE
    s_6

(* async_support.py:113  *)
state_callback(s, task, event, waitable, code) ==
  IF (executor_role(s, task) = ExecutorRole_BLOCK_ON)
  THEN
    LET s_2 == state_callback__base(s, task, event, waitable, code) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    s_2
  ELSE
    LET s_3 == state_callback__v3(s, task, event, waitable, code) IN
    IF s_3.wrong # "" THEN s_3 ELSE
    s_3

(* async_support.py:97 The exported `callback` (510-517): take the state out of the context and run. *)
callback(s, task, event, waitable, code) ==
  IF (~canon_context_get(s, task))
  THEN
    [s EXCEPT !.kind = "panic", !.wrong = "panic async_support::callback::context-set"]
  ELSE
    LET s_2 == canon_context_set(s, task, FALSE) IN
    LET s_3 == begin_turn(s_2, task) IN
    LET s_4 == state_callback(s_3, task, event, waitable, code) IN
    IF s_4.wrong # "" THEN s_4 ELSE
    s_4

(* async_support.py:88 `start_task` (485-501), up to the first poll. *)
start_task(s, task) ==
  LET s_2 == state_new(s, task, ExecutorRole_EXPORT) IN
  IF canon_context_get(s_2, task)
  THEN
    [s_2 EXCEPT !.kind = "panic", !.wrong = "panic async_support::start_task::context-empty"]
  ELSE
    LET s_3 == canon_context_set(s_2, task, TRUE) IN
    LET s_4 == callback(s_3, task, Event_NONE, None, Code_NONE) IN
    IF s_4.wrong # "" THEN s_4 ELSE
    s_4

(* world.py:125 Call an async export. *)
call_export(s, task) ==
  LET s_2 == start_host_task(s, task) IN
  LET s_3 == start_task(s_2, task) IN
  IF s_3.wrong # "" THEN s_3 ELSE
  s_3

(* host.py:519 The event with which the host calls back a task that returned WAIT. *)
callback_event_of(s, waitable) ==
  get_pending_event(s, waitable)

(* world.py:185 Call back a task that returned WAIT. *)
deliver_event(s, task, waitable) ==
  LET c == callback_event_of(s, waitable) IN
  LET s_2 == callback(c.s, task, Event_WAITABLE, waitable, c.r) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* world.py:198 Call back a task that returned YIELD. *)
resume_yielded(s, task) ==
  LET s_2 == callback(s, task, Event_NONE, None, Code_NONE) IN
  IF s_2.wrong # "" THEN s_2 ELSE
  s_2

(* host.py:524 Trap, as `waitable-set.wait` and `.poll` do, if the handle is not a set. *)
check_set(s, task, wait) ==
  LET wset == s.waitable_set[task] IN
  LET t1 == (~(wset = None)) IN
  LET Rest(s_2, t1_2) ==
      IF t1_2
      THEN
        IF wait
        THEN
          [s_2 EXCEPT !.kind = "trap", !.wrong = "trap host::canon_waitable_set_wait::not-a-set"]
        ELSE
          [s_2 EXCEPT !.kind = "trap", !.wrong = "trap host::canon_waitable_set_poll::not-a-set"]
      ELSE
        s_2
  IN
  IF t1
  THEN
    LET c == table_get(s, wset) IN
    IF c.s.wrong # "" THEN c.s ELSE
    LET t1_3 == (c.r # HandleKind_WAITABLE_SET) IN
    Rest(c.s, t1_3)
  ELSE
    Rest(s, t1)

(* host.py:510 Poll the task's set: the event of `waitable`, which the host picked, or none. *)
canon_waitable_set_poll(s, task, waitable) ==
  LET s_2 == check_set(s, task, FALSE) IN
  IF s_2.wrong # "" THEN [s |-> s_2, r |-> None] ELSE
  IF (waitable = None)
  THEN
    [s |-> s_2, r |-> Code_NONE]
  ELSE
    get_pending_event(s_2, waitable)

(* world.py:314 Answer the poll inside `callback`: an event is delivered and the loop goes on. *)
waitable_set_poll(s, task, waitable) ==
  LET c == canon_waitable_set_poll(s, task, waitable) IN
  IF c.s.wrong # "" THEN c.s ELSE
  IF (waitable = None)
  THEN
    LET s_2 == callback_return_yield(c.s, task) IN
    IF s_2.wrong # "" THEN s_2 ELSE
    s_2
  ELSE
    LET s_3 == deliver_waitable_event(c.s, task, waitable, c.r) IN
    IF s_3.wrong # "" THEN s_3 ELSE
    LET s_4 == poll_loop(s_3, task) IN
    IF s_4.wrong # "" THEN s_4 ELSE
    s_4

(* world.py:374 The callee of a subtask starts, or returns. *)
subtask_progress(s, handle) ==
  LET Rest(s_2) ==
      LET s_3 == [s_2 EXCEPT !.pending[handle] = Pending_SUBTASK] IN
      s_3
  IN
  IF (s.subtask_state[handle] = SubtaskState_STARTING)
  THEN
    LET s_4 == [s EXCEPT !.subtask_state[handle] = SubtaskState_STARTED] IN
    Rest(s_4)
  ELSE
    LET s_5 == [s EXCEPT !.subtask_state[handle] = SubtaskState_RETURNED] IN
    Rest(s_5)

(* hosts/wasmtime_50.py:127 The same trap, though no call of synchronous type is in progress: the flag was left on. *)
trap_without_sync_export(s, task) ==
  [s EXCEPT !.kind = "trap", !.wrong = "trap wasmtime::switch_or_trap_if_may_not_suspend::sync-call-in-progress"]

(* hosts/wasmtime_50.py:134 `handle_work_item` (1600-1634): the callback that was picked has to wait for the lock. *)
put_call_aside(s, task) ==
  LET s_2 == switch(s) IN
  s_2

(* properties.py:58 Some waitable is in the task's set. *)
has_members(s, task) ==
  LET wset == s.waitable_set[task] IN
  ((~(wset = None)) /\ (\E handle \in Handle : (s.wset[handle] = wset)))

(* properties.py:53 A waitable is in no set of a task that has ended. *)
no_waitable_in_dead_set(s) ==
  (~(\E task \in Task : ((~s.alive[task]) /\ has_members(s, task))))

(* versions/v2.py:227 Whether the memory that holds the task's map is alive. *)
map_exists(s, task) ==
  (s.strong_count[task] > 0)

(* properties.py:39 The waitable that an operation in progress is about. *)
waitable_of(s, operation) ==
  IF (s.state[operation] # OperationState_IN_PROGRESS)
  THEN
    None
  ELSE
    LET channel == None IN
    LET kind == OperationKind_SUBTASK IN
    IF ((kind = OperationKind_SUBTASK) \/ (channel = None))
    THEN
      s.subtask[operation]
    ELSE
      IF ((kind = OperationKind_STREAM_READ) \/ (kind = OperationKind_FUTURE_READ))
      THEN
        s.readable[channel]
      ELSE
        s.writable[channel]

(* properties.py:70 The entry, if there is one, points to the operation in progress on this waitable. *)
callback_is_current(s, task, handle) ==
  LET operation == s.waitables[task][handle] IN
  IF ((operation = None) \/ (~map_exists(s, task)))
  THEN
    TRUE
  ELSE
    ((~s.dangling[task][handle]) /\ (waitable_of(s, operation) = handle))

(* properties.py:65 Every callback pointer points to a live completion status, of the waitable's operation. *)
no_stale_callback(s) ==
  (\A task \in Task : (\A handle \in Handle : callback_is_current(s, task, handle)))

(* properties.py:88 This waitable is in the map if and only if it is in the set. *)
entry_mirrors_membership(s, task, handle) ==
  LET wset == s.waitable_set[task] IN
  LET member == ((~(wset = None)) /\ (s.wset[handle] = wset)) IN
  IF (member /\ (s.stream[task] = handle))
  THEN
    (s.waitables[task][handle] = None)
  ELSE
    (member = (~(s.waitables[task][handle] = None)))

(* properties.py:79 Map and set name the same waitables, the task's own wakeup stream aside. *)
map_mirrors_set(s) ==
  (\A task \in Task : ((~map_exists(s, task)) \/ (\A handle \in Handle : entry_mirrors_membership(s, task, handle))))

(* properties.py:98 A waitable is registered with one task at most. *)
one_home(s) ==
  (\A handle \in Handle : (Cardinality({task \in Task : (map_exists(s, task) /\ (~(s.waitables[task][handle] = None)))}) <= 1))

(* properties.py:123 The waker in the operation's completion status owns a reference to the task. *)
waker_owns(s, operation, task) ==
  LET future == s.waker_future[operation] IN
  ((s.waker[operation] = WakerKind_CONTEXT) /\ (~(future = None)) /\ (waker_task(s, future) = task))

(* versions/v2.py:233 The operation keeps the task that it registered with last. *)
operation_keeps(s, operation, task) ==
  (s.cabi_task[operation] = task)

(* properties.py:133 The waker in the future's `JoinHandle` owns a reference to the task. *)
join_handle_owns(s, future, task) ==
  LET waiter == s.rx_task[future] IN
  ((~(waiter = None)) /\ (waker_task(s, waiter) = task))

(* properties.py:112 How many references to the task's shared part exist. *)
references(s, task) ==
  LET own == (IF s.alive[task] THEN 2 ELSE 0) IN
  LET queue == (IF s.queue_waker[task] THEN 1 ELSE 0) IN
  LET kept == Cardinality({future \in Future : ((waker_task(s, future) = task) /\ s.kept_waker[future])}) IN
  LET wakers == Cardinality({operation \in Operation : waker_owns(s, operation, task)}) IN
  LET operations == Cardinality({operation_2 \in Operation : operation_keeps(s, operation_2, task)}) IN
  LET handles == Cardinality({future_2 \in Future : join_handle_owns(s, future_2, task)}) IN
  (((((own + queue) + kept) + wakers) + operations) + handles)

(* properties.py:107 A task's strong count is the number of references to it. *)
refcount_exact(s) ==
  (\A task \in Task : (s.strong_count[task] = references(s, task)))

(* hosts/spec_26e6ea9d.py:440 The frame of `task` lies below that of `other`, in the same thread. *)
is_below(s, task, other) ==
  LET frame == s.caller[other] IN
  LET found == FALSE IN
  LET turn == 0 IN
  LET found_2 == (found \/ (frame = task)) IN
  LET frame_2 == (IF (frame = None) THEN None ELSE s.caller[frame]) IN
  LET turn_2 == 1 IN
  LET found_3 == (found_2 \/ (frame_2 = task)) IN
  LET frame_3 == (IF (frame_2 = None) THEN None ELSE s.caller[frame_2]) IN
  found_3

(* hosts/spec_26e6ea9d.py:435 One of the two lies below the other in the same thread. *)
shares_thread(s, task, other) ==
  (is_below(s, task, other) \/ is_below(s, other, task))

(* hosts/spec_26e6ea9d.py:458 The lowest task in the thread of `task`. *)
lowest(s, task) ==
  LET frame == task IN
  LET turn == 0 IN
  LET below == s.caller[frame] IN
  LET frame_2 == (IF (below = None) THEN frame ELSE below) IN
  LET turn_2 == 1 IN
  LET below_2 == s.caller[frame_2] IN
  LET frame_3 == (IF (below_2 = None) THEN frame_2 ELSE below_2) IN
  frame_3

(* hosts/spec_26e6ea9d.py:450 The thread of the task holds the exclusive lock. *)
is_exclusive(s, task) ==
  LET export == s.sync_caller[lowest(s, task)] IN
  ((s.executor_role[lowest(s, task)] = ExecutorRole_EXPORT) \/ ((~(export = None)) /\ (s.sync_state[export] = SyncState_LIFTED)))

(* hosts/spec_26e6ea9d.py:468 While `waiter` waits, `task` may run: not below it, and no callback while it has the lock. *)
may_deliver(s, task, waiter) ==
  (s.alive[task] /\ ((task = waiter) \/ (s.phase[waiter] # Phase_BLOCKED_WAIT) \/ ((~shares_thread(s, task, waiter)) /\ ((s.executor_role[task] = ExecutorRole_BLOCK_ON) \/ has_turn(s, task) \/ (~is_exclusive(s, waiter))))))

(* properties.py:226 The waitable is in the task's set. *)
is_member(s, task, handle) ==
  ((~(s.wset[handle] = None)) /\ (s.wset[handle] = s.waitable_set[task]))

(* properties.py:156 If a living task waits for this operation, some task can deliver its event. *)
wakeup_can_arrive(s, operation) ==
  LET waitable == waitable_of(s, operation) IN
  LET future == s.waker_future[operation] IN
  IF ((waitable = None) \/ (future = None) \/ (s.waker[operation] # WakerKind_CONTEXT))
  THEN
    TRUE
  ELSE
    LET waiter == s.future_task[future] IN
    IF ((waiter = None) \/ (~s.alive[waiter]) \/ (s.pending[waitable] = Pending_NOTHING))
    THEN
      TRUE
    ELSE
      (\E task \in Task : (may_deliver(s, task, waiter) /\ (s.waitables[task][waitable] = operation) /\ is_member(s, task, waitable)))

(* properties.py:179 A child of `FuturesUnordered` that was woken is queued, or is being polled. *)
woken_child_is_queued(s, future) ==
  LET task == s.future_task[future] IN
  ((task = None) \/ (~s.woken[future]) \/ (s.queue_rank[future] > 0) \/ (s.polling[task] = future))

(* properties.py:187 A task that waits, with futures left and woken, has its wakeup stream's event. *)
woken_task_will_run(s, task) ==
  LET stream == s.stream[task] IN
  ((~is_waiting(s, task)) \/ (~(\E future \in Future : (s.future_task[future] = task))) \/ (s.sleep_state[task] # SleepState_WOKEN) \/ ((~(stream = None)) /\ is_member(s, task, stream) /\ (s.pending[stream] # Pending_NOTHING)))

(* properties.py:198 A future that awaits the `JoinHandle` of one that is gone was woken. *)
join_handle_is_told(s, future) ==
  ((s.rx_task[future] = None) \/ (~is_gone(s, future)))

(* properties.py:146 An operation whose event is there can wake its task, and a task that was woken will run. *)
no_lost_wakeup(s) ==
  ((\A operation \in Operation : wakeup_can_arrive(s, operation)) /\ (\A future \in Future : woken_child_is_queued(s, future)) /\ (\A task \in Task : woken_task_will_run(s, task)) /\ (\A future_2 \in Future : join_handle_is_told(s, future_2)))

(* properties.py:276 The operation, in progress, holds the waker of a future of the task. *)
holds_waker(s, operation, task) ==
  LET future == s.waker_future[operation] IN
  ((~(waitable_of(s, operation) = None)) /\ (~(future = None)) /\ (s.waker[operation] = WakerKind_CONTEXT) /\ (s.future_task[future] = task))

(* properties.py:231 The operation holds the waker of a future of the task, and cannot use it. *)
waits_in_vain(s, task, operation) ==
  LET waitable == waitable_of(s, operation) IN
  LET future == s.waker_future[operation] IN
  ((~(waitable = None)) /\ (~(future = None)) /\ (s.waker[operation] = WakerKind_CONTEXT) /\ (s.future_task[future] = task) /\ (~(\E other \in Task : (may_deliver(s, other, task) /\ is_member(s, other, waitable)))))

(* properties.py:270 A future of the task awaits this one's `JoinHandle`. *)
is_joined_by(s, future, task) ==
  LET waiter == s.rx_task[future] IN
  ((~(waiter = None)) /\ (s.future_task[waiter] = task))

(* properties.py:258 A waker of a future of this task is kept, which may wake the task. *)
a_waker_exists(s, task) ==
  ((\E future \in Future : ((s.future_task[future] = task) /\ s.kept_waker[future])) \/ (\E operation \in Operation : (holds_waker(s, operation, task) /\ (~waits_in_vain(s, task, operation)))) \/ (\E future_2 \in Future : is_joined_by(s, future_2, task)))

(* properties.py:244 An event of this waitable is there, or may still come. *)
event_may_come(s, task, handle) ==
  IF (s.pending[handle] # Pending_NOTHING)
  THEN
    TRUE
  ELSE
    IF (s.slot[handle] = HandleKind_SUBTASK)
    THEN
      ((s.subtask_state[handle] = SubtaskState_STARTING) \/ (s.subtask_state[handle] = SubtaskState_STARTED))
    ELSE
      IF (s.stream[task] = handle)
      THEN
        a_waker_exists(s, task)
      ELSE
        (s.copy_state[handle] = CopyState_COPYING)

(* properties.py:209 The task waits on a set without hope, though the program has done its part. *)
is_stuck(s, task) ==
  (is_waiting(s, task) /\ (~(\E handle \in Handle : (is_member(s, task, handle) /\ event_may_come(s, task, handle)))) /\ ((~(\E future \in Future : (s.future_task[future] = task))) \/ (\E operation \in Operation : waits_in_vain(s, task, operation))))

(* properties.py:204 No task waits for what can never come. *)
no_stuck_task(s) ==
  (~(\E task \in Task : is_stuck(s, task)))

(* hosts/spec_26e6ea9d.py:485 No export is under way that is not a task, and no frame runs. *)
nothing_runs(s) ==
  ((~a_frame_runs(s)) /\ (\A e \in SyncExport : (s.sync_state[e] = SyncState_FREE)))

(* properties.py:301 No task is alive, and the program holds neither operations nor wakers. *)
is_quiet(s) ==
  (nothing_runs(s) /\ (~(\E task \in Task : s.alive[task])) /\ (~(\E operation \in Operation : (exists(s, operation) /\ (~s.deferred[operation])))) /\ (~(\E future \in Future : (s.kept_waker[future] \/ s.join_handle[future]))))

(* properties.py:323 A stream or future end in the table that no Rust object names. *)
is_lost_end(s, handle) ==
  LET channel == s.end_channel[handle] IN
  ((~(channel = None)) /\ (s.readable[channel] # handle) /\ (s.writable[channel] # handle))

(* properties.py:288 Once all tasks have ended and the program holds no operation or waker, nothing is left. *)
no_leak(s) ==
  ((~is_quiet(s)) \/ ((~(\E task \in Task : (s.strong_count[task] > 0))) /\ (~(\E operation \in Operation : exists(s, operation))) /\ (~(\E handle \in Handle : ((s.slot[handle] = HandleKind_WAITABLE_SET) \/ (s.slot[handle] = HandleKind_SUBTASK)))) /\ (~(\E handle_2 \in Handle : is_lost_end(s, handle_2)))))

(* properties.py:318 Once all tasks have ended nothing that was spawned is left unpolled. *)
no_lost_spawn(s) ==
  ((~is_quiet(s)) \/ (~(\E future \in Future : (~(s.spawned_in[future] = None)))))

(* hosts/spec_26e6ea9d.py:490 No frame of the instance is on the stack. *)
is_empty(s) ==
  ((~(\E task \in Task : has_turn(s, task))) /\ nothing_runs(s))

(* hosts/spec_26e6ea9d.py:496 The pointer is that of the frame that runs, and null when no frame is on the stack. *)
task_pointer_is_right(s) ==
  LET running == s.running IN
  IF (running = None)
  THEN
    ((~is_empty(s)) \/ (s.wasip3_task = None))
  ELSE
    IF ((s.phase[running] = Phase_BLOCKED_WAIT) \/ (s.phase[running] = Phase_BLOCKED_POLL) \/ (s.phase[running] = Phase_YIELDED))
    THEN
      TRUE
    ELSE
      (s.wasip3_task = running)

(* properties.py:330 The current task is the one whose frame is on top, and null when nothing runs. *)
task_pointer_restored(s) ==
  task_pointer_is_right(s)

(* hosts/spec_26e6ea9d.py:514 What waits lies below the stack pointer of the code that runs. *)
no_frame_overwritten(s) ==
  ((~a_frame_runs(s)) \/ ((\A task \in Task : ((~has_turn(s, task)) \/ (s.frame[task] < s.stack_pointer))) /\ (\A export \in SyncExport : ((s.sync_state[export] = SyncState_FREE) \/ (s.sync_frame[export] < s.stack_pointer)))))

(* hosts/spec_26e6ea9d.py:526 Once no frame is on the stack its pointer is where it began. *)
stack_pointer_restored(s) ==
  ((~is_empty(s)) \/ (s.stack_pointer = 0))

Next ==
  /\ \/ \E operation_ \in Operation : can_poll(machine, operation_) /\ machine' = poll(machine, operation_)
     \/ \E operation_ \in Operation, answer_ \in SubtaskState : can_call_import(machine, operation_, answer_) /\ machine' = call_import(machine, operation_, answer_)
     \/ \E operation_ \in Operation, callee_returns_ \in BOOLEAN : can_drop_operation(machine, operation_, callee_returns_) /\ machine' = drop_operation(machine, operation_, callee_returns_)
     \/ \E operation_ \in Operation : can_move_to_storage(machine, operation_) /\ machine' = move_to_storage(machine, operation_)
     \/ can_return_pending(machine) /\ machine' = return_pending(machine)
     \/ can_return_ready(machine) /\ machine' = return_ready(machine)
     \/ \E task_ \in Task : can_call_export(machine, task_) /\ machine' = call_export(machine, task_)
     \/ \E task_ \in Task, waitable_ \in Handle : can_deliver_event(machine, task_, waitable_) /\ machine' = deliver_event(machine, task_, waitable_)
     \/ \E task_ \in Task : can_resume_yielded(machine, task_) /\ machine' = resume_yielded(machine, task_)
     \/ \E task_ \in Task, waitable_ \in (Handle \cup {None}) : can_waitable_set_poll(machine, task_, waitable_) /\ machine' = waitable_set_poll(machine, task_, waitable_)
     \/ \E handle_ \in Handle : can_subtask_progress(machine, handle_) /\ machine' = subtask_progress(machine, handle_)
     \/ \E task_ \in Task : can_trap_without_sync_export(machine, task_) /\ machine' = trap_without_sync_export(machine, task_)
     \/ \E task_ \in Task : can_put_call_aside(machine, task_) /\ machine' = put_call_aside(machine, task_)

Alive == machine.wrong = ""
Inv_no_waitable_in_dead_set == Alive => no_waitable_in_dead_set(machine)
Inv_no_stale_callback == Alive => no_stale_callback(machine)
Inv_map_mirrors_set == Alive => map_mirrors_set(machine)
Inv_one_home == Alive => one_home(machine)
Inv_refcount_exact == Alive => refcount_exact(machine)
Inv_no_lost_wakeup == Alive => no_lost_wakeup(machine)
Inv_no_stuck_task == Alive => no_stuck_task(machine)
Inv_no_leak == Alive => no_leak(machine)
Inv_no_lost_spawn == Alive => no_lost_spawn(machine)
Inv_task_pointer_restored == Alive => task_pointer_restored(machine)
Inv_no_frame_overwritten == Alive => no_frame_overwritten(machine)
Inv_stack_pointer_restored == Alive => stack_pointer_restored(machine)
Inv_no_use_after_free == machine.kind # "undefined"
Inv_no_panic == machine.kind # "panic"
Inv_no_trap == machine.kind # "trap"
====
