/*
 * Two-phase commit with presumed abort, crashes and recovery, as in docs/protocols.md.
 *
 * What happens in it
 *   The coordinator asks the branches to prepare, and forces one record if all voted yes: that
 *   record decides. For an abort it writes nothing. Once all branches have acknowledged the commit
 *   it writes, lazily, that it is over; later the record may be pruned. A prepared branch that
 *   hears nothing asks; so may a client, at any time. Coordinator and participants die and come
 *   back at every step.
 *
 * What is checked
 *   Safety     nobody is told, and no branch ends, committed when anybody was ever told aborted, or
 *              the other way round. Crashes do not take back what was told.
 *   Liveness   from every state that can be reached: if then nobody fails any more, though all that
 *              is on its way may still be lost, no branch stays prepared and the coordinator has
 *              nothing left to do.
 *
 * What is abstracted away
 *   Messages   are facts, which can be read at any time, any number of times, or never.
 *   Branches   that only read, are alone (one phase), or are damaged by an operator's hand: none.
 *   Fencing    by attempt, epoch and session: a transaction runs once here.
 *
 * What a participant keeps is in memory and on disk; a crash sets memory to what is on disk. Of the
 * coordinator only its log is on disk.
 *
 * Parameter: -DBRANCHES=2 (to 4)
 *
 * The mistakes; each must be found. Their stories are in docs/models.md.
 *   REPLIES_BEFORE_DURABLE      commit is told while its record is still being written
 *   IO_ERROR_TAKEN_FOR_REFUSAL  a write that failed may be on the disk all the same
 *   PRESUMES_WHILE_UNDECIDED    who asks is told aborted, because there is no record yet
 *   PRESUMES_WHILE_REPLAYING    who asks is told aborted, because the record was not read yet
 *   PRESUMES_AFTER_PRUNING      who asks is told aborted, because the record is gone again
 *   VOTES_BEFORE_PREPARED       the vote leaves before the branch is durable
 *   ACKNOWLEDGES_BEFORE_DURABLE the acknowledgement leaves before the commit is durable (liveness)
 *   ENDS_BEFORE_ALL_ACKNOWLEDGED  one acknowledgement is enough for the end (liveness)
 *   NEVER_COMMITS, NEVER_PRESUMES   claims, to show that the checks look at anything at all
 */
#ifndef BRANCHES
#define BRANCHES 2
#endif
#define ALL ((1 << BRANCHES) - 1)
#define BIT(branch) (1 << (branch))

/* States of a branch. */
#define WORKING 0
#define PREPARED 1
#define COMMITTED 2
#define ABORTED 3

#define COMMIT 1
#define ABORT 2

byte state[BRANCHES], disk_state[BRANCHES];

/* Messages. */
bit prepare_sent;
byte yes_votes, commit_acks; /* branches */
byte told;                   /* decisions that can be heard */

byte decided; /* whatever anybody was ever told: nothing that crashes */

/* The coordinator: its phase is in memory, its records are on disk but for the lazy one. */
mtype = { undecided, deciding, committing, aborting, forgotten, down, replaying };
mtype phase = undecided;
bit commit_record, end_record, end_is_buffered, pruned;

bit healed;
#define BROKEN (!healed)

inline Decide(value) {
  told = told | (value);
  decided = decided | (value);
  assert(decided != (COMMIT | ABORT))
}

proctype Branch(byte me) {
end:
  do
     /* The vote. What was not prepared when the process dies is gone, so a no need not be kept. */
  :: atomic { state[me] == WORKING && prepare_sent ->
     state[me] = PREPARED;
#ifndef VOTES_BEFORE_PREPARED
     disk_state[me] = PREPARED;
#endif
     yes_votes = yes_votes | BIT(me) }
  :: atomic { state[me] == WORKING ->
     state[me] = ABORTED; disk_state[me] = ABORTED;
     Decide(ABORT) }

     /* COMMIT PREPARED and ROLLBACK PREPARED flush, then it is acknowledged. */
  :: atomic { state[me] == PREPARED && (told & COMMIT) ->
     state[me] = COMMITTED;
#ifndef ACKNOWLEDGES_BEFORE_DURABLE
     disk_state[me] = COMMITTED;
#endif
     Decide(COMMIT);
     commit_acks = commit_acks | BIT(me) }
  :: atomic { state[me] == COMMITTED && (told & COMMIT) && !(commit_acks & BIT(me)) ->
     commit_acks = commit_acks | BIT(me) } /* already done, says the proof */
  :: atomic { (state[me] == PREPARED || state[me] == WORKING) && (told & ABORT) ->
     state[me] = ABORTED; disk_state[me] = ABORTED;
     Decide(ABORT) }
#ifdef ACKNOWLEDGES_BEFORE_DURABLE
  :: atomic { state[me] == COMMITTED && disk_state[me] != COMMITTED ->
     disk_state[me] = COMMITTED }
#endif

     /* Dies, and is back. */
  :: atomic { BROKEN ->
     state[me] = disk_state[me];
     if
     :: state[me] == WORKING -> state[me] = ABORTED; disk_state[me] = ABORTED; Decide(ABORT)
     :: else
     fi }
  od
}

proctype Coordinator() {
end:
  do
  :: atomic { phase == undecided && !prepare_sent -> prepare_sent = 1 }
  :: atomic { phase == undecided && yes_votes == ALL -> phase = deciding }
     /* A no, the vote timer, an operator, the deadline. */
  :: atomic { phase == undecided -> phase = aborting; Decide(ABORT) }

#ifdef REPLIES_BEFORE_DURABLE
  :: atomic { phase == deciding && !(told & COMMIT) -> Decide(COMMIT) }
#endif
  :: atomic { phase == deciding ->
     commit_record = 1; /* before: no record, abort is presumed. After: it is committed */
     phase = committing }
     /* The log refused it: no space. It certainly is not there. */
  :: atomic { phase == deciding ->
#ifdef IO_ERROR_TAKEN_FOR_REFUSAL
     commit_record = 1;
#endif
     phase = aborting;
     Decide(ABORT) }

     /* Tells the client and the branches, again and again. */
  :: atomic { phase == committing && !(told & COMMIT) ->
#ifdef NEVER_COMMITS
     assert(false);
#endif
     Decide(COMMIT) }
  :: atomic { phase == aborting && !(told & ABORT) -> Decide(ABORT) }

#ifdef ENDS_BEFORE_ALL_ACKNOWLEDGED
  :: atomic { phase == committing && commit_acks != 0 ->
#else
  :: atomic { phase == committing && commit_acks == ALL ->
#endif
     end_is_buffered = 1;
     phase = forgotten }
  :: atomic { phase == aborting -> phase = forgotten } /* who was not told asks */
  :: atomic { end_is_buffered && phase != down ->
     end_record = 1;
     end_is_buffered = 0 }
  :: atomic { phase == forgotten && end_record && !pruned ->
     commit_record = 0;
     pruned = 1 } /* the log knows, of ranges, what was pruned */

  :: atomic { BROKEN && phase != down -> phase = down; end_is_buffered = 0 }
  :: atomic { phase == down -> phase = replaying }
  :: atomic { phase == replaying ->
     if
     :: commit_record && !end_record -> phase = committing
     :: else -> phase = forgotten
     fi }

     /* "What became of it?" A branch that was found prepared asks, or a client. Undecided, while
        it is undecided or deciding; nobody answers while the log is read. */
  :: atomic { phase == forgotten && commit_record && !(told & COMMIT) -> Decide(COMMIT) }
  :: atomic { phase == forgotten && !commit_record && !pruned && !(told & ABORT) ->
#ifdef NEVER_PRESUMES
     assert(false);
#endif
     Decide(ABORT) }
#ifdef PRESUMES_WHILE_UNDECIDED
  :: atomic { (phase == undecided || phase == deciding) && !commit_record && !(told & ABORT) ->
     Decide(ABORT) }
#endif
#ifdef PRESUMES_WHILE_REPLAYING
  :: atomic { phase == replaying && !(told & ABORT) -> Decide(ABORT) }
#endif
#ifdef PRESUMES_AFTER_PRUNING
  :: atomic { phase == forgotten && pruned && !(told & ABORT) -> Decide(ABORT) }
#endif
  od
}

/* Heals once, at any time; then looks whether anything is left that could happen. */
proctype Healer() {
  byte branch;
  atomic {
    healed = 1;
    if
    :: told = 0; commit_acks = 0 /* what was on its way is lost */
    :: true
    fi
  };
  atomic {
    timeout ->
    assert(phase == forgotten);
    do
    :: branch < BRANCHES -> assert(state[branch] != PREPARED); branch++
    :: else -> break
    od
  }
}

init {
  byte i;
  atomic {
    do
    :: i < BRANCHES -> run Branch(i); i++
    :: else -> break
    od;
    run Coordinator();
    run Healer();
    i = 0
  }
}
