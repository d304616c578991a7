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

mtype:branch = { working, prepared, committed, aborted };

#define COMMIT 1
#define ABORT 2

mtype:branch state[BRANCHES] = working, disk_state[BRANCHES] = working;

/* Messages. */
bit prepare_sent;
byte yes_votes, commit_acks; /* branches */
byte told;                   /* decisions that can be heard */

byte decided; /* whatever anybody was ever told: nothing that crashes */

/* The coordinator: its phase is in memory, its records are on disk but for the lazy one. */
mtype:phase = { undecided, deciding, committing, aborting, forgotten, down, replaying };
mtype:phase phase = undecided;
bit commit_record, end_record, end_is_buffered, pruned;

/* What pan names when it is violated. */
bit one_decision = 1, all_ends = 1, the_claim = 1;
#define MUST(property, condition) \
  property = (condition); \
  assert(property)

bit healed;
#define BROKEN (!healed)

inline Decide(value) {
  told = told | (value);
  decided = decided | (value);
  MUST(one_decision, decided != (COMMIT | ABORT))
}

proctype Branch(byte me) {
end:
  do
     /* The vote. What was not prepared when the process dies is gone, so a no need not be kept. */
  :: atomic { state[me] == working && prepare_sent ->
     printf("branch %d prepares and votes yes\n", me);
     state[me] = prepared;
#ifndef VOTES_BEFORE_PREPARED
     disk_state[me] = prepared;
#endif
     yes_votes = yes_votes | BIT(me) }
  :: atomic { state[me] == working ->
     printf("branch %d votes no\n", me);
     state[me] = aborted; disk_state[me] = aborted;
     Decide(ABORT) }

     /* COMMIT PREPARED and ROLLBACK PREPARED flush, then it is acknowledged. */
  :: atomic { state[me] == prepared && (told & COMMIT) ->
     printf("branch %d commits and acknowledges it\n", me);
     state[me] = committed;
#ifndef ACKNOWLEDGES_BEFORE_DURABLE
     disk_state[me] = committed;
#endif
     Decide(COMMIT);
     commit_acks = commit_acks | BIT(me) }
  :: atomic { state[me] == committed && (told & COMMIT) && !(commit_acks & BIT(me)) ->
     commit_acks = commit_acks | BIT(me) } /* already done, says the proof */
  :: atomic { (state[me] == prepared || state[me] == working) && (told & ABORT) ->
     printf("branch %d aborts\n", me);
     state[me] = aborted; disk_state[me] = aborted;
     Decide(ABORT) }
#ifdef ACKNOWLEDGES_BEFORE_DURABLE
  :: atomic { state[me] == committed && disk_state[me] != committed ->
     disk_state[me] = committed }
#endif

     /* Dies, and is back. */
  :: atomic { BROKEN ->
     state[me] = disk_state[me];
     printf("branch %d dies and is back: %e\n", me, state[me]);
     if
     :: state[me] == working -> state[me] = aborted; disk_state[me] = aborted; Decide(ABORT)
     :: else
     fi }
  od
}

proctype Coordinator() {
end:
  do
  :: atomic { phase == undecided && !prepare_sent -> prepare_sent = 1 }
  :: atomic { phase == undecided && yes_votes == ALL ->
     printf("all voted yes: the coordinator writes its record\n");
     phase = deciding }
     /* A no, the vote timer, an operator, the deadline. */
  :: atomic { phase == undecided ->
     printf("the coordinator aborts\n");
     phase = aborting;
     Decide(ABORT) }

#ifdef REPLIES_BEFORE_DURABLE
  :: atomic { phase == deciding && !(told & COMMIT) ->
     printf("commit is told before the record is durable\n");
     Decide(COMMIT) }
#endif
  :: atomic { phase == deciding ->
     printf("the record is durable\n");
     commit_record = 1; /* before: no record, abort is presumed. After: it is committed */
     phase = committing }
     /* The log refused it: no space. It certainly is not there. */
  :: atomic { phase == deciding ->
     printf("the write of the record failed: taken for not there\n");
#ifdef IO_ERROR_TAKEN_FOR_REFUSAL
     commit_record = 1;
#endif
     phase = aborting;
     Decide(ABORT) }

     /* Tells the client and the branches, again and again. */
  :: atomic { phase == committing && !(told & COMMIT) ->
#ifdef NEVER_COMMITS
     MUST(the_claim, false);
#endif
     printf("commit is told\n");
     Decide(COMMIT) }
  :: atomic { phase == aborting && !(told & ABORT) -> Decide(ABORT) }

#ifdef ENDS_BEFORE_ALL_ACKNOWLEDGED
  :: atomic { phase == committing && commit_acks != 0 ->
#else
  :: atomic { phase == committing && commit_acks == ALL ->
#endif
     printf("the coordinator forgets it, and buffers the end record\n");
     end_is_buffered = 1;
     phase = forgotten }
  :: atomic { phase == aborting -> phase = forgotten } /* who was not told asks */
  :: atomic { end_is_buffered && phase != down ->
     printf("the end record is durable\n");
     end_record = 1;
     end_is_buffered = 0 }
  :: atomic { phase == forgotten && end_record && !pruned ->
     printf("its records are pruned\n");
     commit_record = 0;
     pruned = 1 } /* the log knows, of ranges, what was pruned */

  :: atomic { BROKEN && phase != down ->
     printf("the coordinator dies\n");
     phase = down;
     end_is_buffered = 0 }
  :: atomic { phase == down ->
     printf("the coordinator is back and reads its log\n");
     phase = replaying }
  :: atomic { phase == replaying ->
     printf("its log is read\n");
     if
     :: commit_record && !end_record -> phase = committing
     :: else -> phase = forgotten
     fi }

     /* "What became of it?" A branch that was found prepared asks, or a client. Undecided, while
        it is undecided or deciding; nobody answers while the log is read. */
  :: atomic { phase == forgotten && commit_record && !(told & COMMIT) ->
     printf("somebody asks and is told: committed\n");
     Decide(COMMIT) }
  :: atomic { phase == forgotten && !commit_record && !pruned && !(told & ABORT) ->
#ifdef NEVER_PRESUMES
     MUST(the_claim, false);
#endif
     printf("somebody asks and is told: aborted\n");
     Decide(ABORT) }
#ifdef PRESUMES_WHILE_UNDECIDED
  :: atomic { (phase == undecided || phase == deciding) && !commit_record && !(told & ABORT) ->
     printf("somebody asks and is told: aborted\n");
     Decide(ABORT) }
#endif
#ifdef PRESUMES_WHILE_REPLAYING
  :: atomic { phase == replaying && !(told & ABORT) ->
     printf("somebody asks and is told: aborted\n");
     Decide(ABORT) }
#endif
#ifdef PRESUMES_AFTER_PRUNING
  :: atomic { phase == forgotten && pruned && !(told & ABORT) ->
     printf("somebody asks and is told: aborted\n");
     Decide(ABORT) }
#endif
  od
}

/* Heals once, at any time; then looks whether anything is left that could happen. */
proctype Healer() {
  byte branch;
  atomic {
    printf("nobody fails any more; what was on its way may be lost\n");
    healed = 1;
    if
    :: told = 0; commit_acks = 0 /* what was on its way is lost */
    :: true
    fi
  };
  atomic {
    timeout ->
    MUST(all_ends, phase == forgotten);
    do
    :: branch < BRANCHES ->
       MUST(all_ends, state[branch] != prepared);
       branch++
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
