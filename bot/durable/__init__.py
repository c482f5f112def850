"""
The durable kernel: the one mechanism for what must survive a crash and be done once over all replicas.

    membership      which workers there are: register, heartbeat, lease, expiry of stalled workers, capabilities
    claims          which worker works on what, in one table for every kind of work
    timers          what is due at a time, fired once
    deliveries      one-off effects outside the database, attempted at most once without knowing the result
    live_messages   messages kept at the newest state of a subject
    locks           held by an owner of any kind
    retention       a recurring timer that deletes what is old

The database is the coordinator; there is no leader. A domain uses the kernel in the transaction of its own change
(`offer`, `schedule`, `request`, `take`) and registers what acts on it once. It brings no table, lease or poll of its
own. A new kind of timer is one `Timers.register`, of live message one entry in the registry, of delivery one handler,
of work one `membership.Listener`. The kernel knows no Slack and no procedure.

Each promise, its guard, and the test that goes red without the guard (`tests/unit/durable/`):

    a live worker is not expired
        `heartbeat == counter` in `expire`: `test_moved_heartbeat_prevents_expiry`
    a stalled worker needs several observations
        `observations >=` in `stalled`: `test_single_long_gap_is_no_stall`
    an expired worker claims nothing
        `is_registered` in `claim`: `test_expired_worker_claims_nothing`
    work has one worker
        `worker IS NULL` in `claim`: `test_work_is_claimed_once`
    claims of a lost worker become free
        `release_all` in `expire`, `unregister`: `test_expiry_releases_claims`
    a claim given during expiry becomes free
        `release_orphans` in `heartbeat`: `test_orphaned_claim_is_released`
    work requested meanwhile is not lost
        `signal == seen` in `complete`: `test_signal_keeps_claim`
    a write needs the claim
        `is_owner` in each domain's write: `test_write_needs_claim`
    a suspended worker acts only after a check
        `Lease.ensure_valid`: `test_lease_needs_recent_heartbeat`
    a timer fires once
        `due_at == seen` in `Timers._fire`: `test_timer_fires_once`
    a failed handler leaves its timer
        one transaction in `Timers._fire`: `test_failed_handler_keeps_timer`
    a clock set back does not hold a timer
        `_reschedule`: `test_clock_set_back_delays_by_its_length`
    one delivery per occurrence
        primary key and ON CONFLICT in `request`: `test_delivery_is_requested_once`
    an attempt is not repeated blindly
        ATTEMPTED is looked up in `_deliver`: `test_interrupted_delivery_is_not_repeated`
    a held delivery is not made while its worker lives
        `_held` in `on_heartbeat`: `test_held_delivery_is_not_made_and_dropped_without_a_trace`
    a late drop takes nothing from another worker
        `worker ==` in `claims.withdraw`: `test_late_drop_does_not_take_a_delivery_from_another_worker`
    a wrong clock of one machine fires no timer
        `now` in `timers`, `Membership.now`: `test_wrong_clock_of_one_machine_fires_no_timer`
    a lock has one owner
        primary key and ON CONFLICT in `take`: `test_lock_has_one_owner`
    only its owner releases a lock
        `owner ==` in `release`: `test_lock_is_released_by_its_owner_only`
"""
