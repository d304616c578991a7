/*
 * A saga that turns back or goes forward, with its barrier and its pivot, as in docs/protocols.md.
 *
 * The saga       0 --> 1 --+--> 3, the pivot --> 4
 *                      2 --+
 *   0, 1 and 2 can be undone. 3 is the point of no return, 4 is repeated until it is done. With
 *   -DNO_PIVOT all five can be undone.
 *
 * What happens in it
 *   The coordinator calls a step when those before it are done. Calls are repeated; every copy may
 *   arrive at any time, also long after the saga has ended. A step may fail by the rules of the
 *   business; a saga may be cancelled, or its deadline may strike, at any time. Then the pivot is
 *   fenced if it may have been called, the aborting record is forced, and all that may have been
 *   called is undone in reverse order. What the coordinator knows of results is lazy: a crash
 *   takes what it likes of it.
 *
 * What is checked
 *   Once       a step takes effect once, and is undone once.
 *   Order      a step takes effect only while those before it stand, and is undone only when
 *              nothing that rests on it stands.
 *   Pivot      once it ran nothing is undone.
 *   Endings    told committed: all steps stand, for ever. Told aborted: nothing stands, for ever.
 *              What was told does not change.
 *   Liveness   from every state that can be reached: if then the coordinator dies no more, though
 *              all calls on their way may still be lost, the saga ends.
 *
 * What is abstracted away
 *   Answers    a participant's rows only grow, so that an answer was sent is that its row is there;
 *              it is read at any time after that, or never. That a step failed leaves no row: it is
 *              a message.
 *   Participants   a call is one local transaction with its barrier rows, so dying in it is
 *              nothing, or all of it; what the barrier does inside is not in question here.
 *   Data       inputs and results; attempts, pauses, time-outs; operators who skip (damage).
 *
 * The mistakes; each must be found. Their stories are in docs/models.md.
 *   UNDOES_WHAT_IS_KNOWN_DONE    not what may have been called
 *   UNDOES_NOT_WHAT_FAILED       what answered "failed" is not undone: another copy may still run
 *   PIVOT_GIVEN_UP_WITHOUT_FENCE
 *   PIVOT_THAT_FAILED_NOT_FENCED
 *   LATE_CALL_NOT_SUPPRESSED     a compensation that comes first leaves no row for its action
 *   COPY_RUNS_AGAIN              an action does not look for its own row
 *   ABORTING_NOT_FORCED          undoes before the aborting record is durable
 *   UNDOES_IN_ANY_ORDER
 *   TOLD_BEFORE_END_IS_DURABLE   (with NO_PIVOT)
 *   NEVER_COMMITS, NEVER_ABORTS, NEVER_RAN_AT_THE_FENCE   claims, to show that the checks look at
 *                                anything at all
 */
#define STEPS 5
#define ALL 31
#define BIT(step) (1 << (step))
#ifdef NO_PIVOT
#define PIVOT 0
#define UNDOABLE ALL
#else
#define PIVOT BIT(3)
#define UNDOABLE 7
#endif

/* What a step waits for, and what rests on it directly. */
#define BEFORE(step) \
  ((step) == 1 -> BIT(0) : ((step) == 3 -> BIT(1) + BIT(2) : ((step) == 4 -> BIT(3) : 0)))
#define AFTER(step) \
  ((step) == 0 -> BIT(1) : ((step) == 1 || (step) == 2 -> BIT(3) : ((step) == 3 -> BIT(4) : 0)))

/* The barriers: sets of steps. */
byte ran;        /* the action's row is there, and it took effect */
byte suppressed; /* the row was put there by the compensation, or the fence: it never will run */
byte undone;     /* the compensation's row is there */
#define STANDS (ran & (ALL - undone))

/* Messages. */
byte calls, compensations; /* steps */
bit fence_sent;
byte failed;               /* answers */

/* The coordinator's memory. */
mtype = { running, fencing, stopping, compensating, ending, ended, down };
mtype phase = running;
byte may_be_called, known_done, known_undone;
bit turns_back;
/* Its log. The begin record is durable before any of this; results are lazy. */
byte disk_done, disk_undone;
bit aborting_record;

#define COMMITTED 1
#define ABORTED 2
byte end_record;
byte told; /* to anybody, ever: nothing that crashes */

/* What pan names when it is violated. */
bit once_in_effect = 1, order = 1, pivot_stands = 1, ending_holds = 1, saga_ends = 1, the_claim = 1;
#define MUST(property, condition) \
  property = (condition); \
  assert(property)

bit healed;
#define BROKEN (!healed)

inline Tell(outcome) {
  told = told | (outcome);
  MUST(ending_holds, told != (COMMITTED | ABORTED));
  MUST(ending_holds, told != COMMITTED || STANDS == ALL);
  MUST(ending_holds, told != ABORTED || STANDS == 0)
}

/* One action at its participant: in one local transaction. */
inline Run(step) {
  if
  :: ran & BIT(step) -> /* a copy: answers the same */
#ifdef COPY_RUNS_AGAIN
     printf("step %d takes effect again\n", step);
     MUST(once_in_effect, false)
#else
     skip
#endif
  :: suppressed & BIT(step) /* too late: says so */
  :: else ->
     printf("step %d takes effect\n", step);
     ran = ran | BIT(step);
     MUST(order, (BEFORE(step) & STANDS) == BEFORE(step));
     MUST(ending_holds, told == 0)
  fi
}

inline Undo(step) {
  if
  :: undone & BIT(step) /* a copy */
  :: else ->
     undone = undone | BIT(step);
     if
     :: ran & BIT(step) ->
        printf("step %d is undone\n", step);
        MUST(order, (AFTER(step) & STANDS) == 0);
        MUST(pivot_stands, (PIVOT & ran) == 0);
        MUST(ending_holds, told == 0)
     :: else ->
        printf("step %d is undone before it took effect\n", step);
        /* empty: does nothing, and keeps the action from ever running */
#ifdef LATE_CALL_NOT_SUPPRESSED
        skip
#else
        suppressed = suppressed | BIT(step)
#endif
     fi
  fi
}

#ifdef COPY_RUNS_AGAIN
#define WOULD_CHANGE(step) true
#else
#define WOULD_CHANGE(step) (!((ran | suppressed) & BIT(step)))
#endif

proctype Participant(byte step) {
end:
  do
  :: atomic { (calls & BIT(step)) && WOULD_CHANGE(step) -> Run(step) }
  :: atomic { step != 4 && (calls & BIT(step)) && !((ran | suppressed | failed) & BIT(step)) ->
     printf("step %d fails: nothing is kept of it\n", step);
     failed = failed | BIT(step) } /* the business says no; all is rolled back */
  :: atomic { (compensations & BIT(step)) && !(undone & BIT(step)) -> Undo(step) }
  :: atomic { (PIVOT & BIT(step)) && fence_sent && !((ran | suppressed) & BIT(step)) ->
     printf("the pivot is fenced\n");
     suppressed = suppressed | BIT(step) }
  od
}

/* Sends no more; the pivot first, then the record. */
inline TurnBack(reason_is_failure_of_pivot) {
  if
#ifdef PIVOT_GIVEN_UP_WITHOUT_FENCE
  :: true -> phase = stopping
#elif defined(PIVOT_THAT_FAILED_NOT_FENCED)
  :: (PIVOT & may_be_called) && !(reason_is_failure_of_pivot) -> phase = fencing
  :: else -> phase = stopping
#else
  :: PIVOT & may_be_called -> phase = fencing
  :: else -> phase = stopping
#endif
  fi
}

/* What is heard to have failed still may be called: another copy may be on its way. */
#ifdef UNDOES_NOT_WHAT_FAILED
#define MAY_STILL_BE_CALLED(step) (may_be_called & (ALL - BIT(step)))
#else
#define MAY_STILL_BE_CALLED(step) may_be_called
#endif

/* What has to be undone. */
#ifdef UNDOES_WHAT_IS_KNOWN_DONE
#define TO_UNDO (UNDOABLE & known_done)
#else
#define TO_UNDO (UNDOABLE & may_be_called)
#endif

/* A step nothing that may stand rests on. */
#ifdef UNDOES_IN_ANY_ORDER
#define IS_FREE(step) true
#else
#define IS_FREE(step) ((AFTER(step) & TO_UNDO & (ALL - known_undone)) == 0)
#endif

/* What the coordinator does about one step. */
#define ABOUT(step) \
  :: atomic { phase == running && (BEFORE(step) & known_done) == BEFORE(step) && \
              !(known_done & BIT(step)) && !(may_be_called & calls & BIT(step)) -> \
     printf("step %d is called\n", step); \
     may_be_called = may_be_called | BIT(step); \
     calls = calls | BIT(step) } \
  :: atomic { phase == running && (may_be_called & ran & BIT(step)) && \
              !(known_done & BIT(step)) -> \
     printf("the coordinator hears that step %d is done\n", step); \
     known_done = known_done | BIT(step) } \
  :: atomic { phase == running && (may_be_called & failed & BIT(step)) && \
              !(known_done & (BIT(step) | PIVOT)) -> \
     printf("the coordinator hears that step %d failed\n", step); \
     TurnBack(PIVOT & BIT(step)); \
     may_be_called = MAY_STILL_BE_CALLED(step) } \
  :: atomic { phase == compensating && (TO_UNDO & BIT(step)) && IS_FREE(step) && \
              !(compensations & BIT(step)) && !(known_undone & BIT(step)) -> \
     printf("the compensation of step %d is called\n", step); \
     compensations = compensations | BIT(step) } \
  :: atomic { phase == compensating && (undone & BIT(step)) && !(known_undone & BIT(step)) -> \
     printf("the coordinator hears that step %d is undone\n", step); \
     known_undone = known_undone | BIT(step) }

proctype Coordinator() {
end:
  do
  ABOUT(0)
  ABOUT(1)
  ABOUT(2)
  ABOUT(3)
  ABOUT(4)
     /* The deadline, or somebody cancels. Refused once the pivot is known to have run. */
  :: atomic { phase == running && !(known_done & PIVOT) ->
     printf("the saga is cancelled\n");
     TurnBack(false) }
     /* Fenced in an earlier life, before the aborting record was durable. */
  :: atomic { phase == running && (suppressed & PIVOT) -> phase = stopping }

  :: atomic { phase == fencing && !fence_sent -> fence_sent = 1 }
  :: atomic { phase == fencing && (suppressed & PIVOT) ->
     printf("the coordinator hears that the pivot is fenced\n");
     phase = stopping }
  :: atomic { phase == fencing && (ran & PIVOT) -> /* goes forward */
#ifdef NEVER_RAN_AT_THE_FENCE
     MUST(the_claim, false);
#endif
     known_done = known_done | PIVOT;
     phase = running }

#ifdef ABORTING_NOT_FORCED
  :: atomic { phase == stopping ->
     printf("the coordinator undoes, its aborting record still being written\n");
     turns_back = 1;
     phase = compensating }
  :: atomic { phase == compensating && !aborting_record -> aborting_record = 1 }
#else
  :: atomic { phase == stopping ->
     printf("the aborting record is durable\n");
     aborting_record = 1; /* before: goes forward again after a crash */
     turns_back = 1;
     phase = compensating }
#endif

  :: atomic { phase == running && known_done == ALL -> phase = ending }
  :: atomic { phase == compensating && (TO_UNDO & (ALL - known_undone)) == 0 -> phase = ending }
  :: atomic { phase == ending ->
     printf("the end record is durable\n");
     end_record = (turns_back -> ABORTED : COMMITTED);
     phase = ended }
#ifdef TOLD_BEFORE_END_IS_DURABLE
  :: atomic { (phase == ended || phase == ending) && told == 0 ->
#else
  :: atomic { phase == ended && told == 0 ->
#endif
#ifdef NEVER_COMMITS
     MUST(the_claim, turns_back);
#endif
#ifdef NEVER_ABORTS
     MUST(the_claim, !turns_back);
#endif
     if
     :: turns_back -> printf("told: aborted\n"); Tell(ABORTED)
     :: else -> printf("told: committed\n"); Tell(COMMITTED)
     fi }

     /* Lazy records are written some time. */
  :: atomic { phase != down && disk_done != known_done -> disk_done = known_done }
  :: atomic { phase != down && disk_undone != known_undone -> disk_undone = known_undone }
     /* Dies, and is back: what has no record may have been called. */
  :: atomic { BROKEN && phase != down ->
     printf("the coordinator dies\n");
     phase = down; may_be_called = 0; known_done = 0; known_undone = 0; turns_back = 0 }
  :: atomic { phase == down ->
     printf("the coordinator is back\n");
     may_be_called = ALL;
     known_done = disk_done;
     known_undone = disk_undone;
     turns_back = (end_record == ABORTED || (!end_record && aborting_record));
     if
     :: end_record -> phase = ended
     :: !end_record && aborting_record -> phase = compensating
     :: else -> phase = running
     fi }
  od
}

/* Heals once, at any time; then looks whether anything is left that could happen. */
proctype Healer() {
  atomic {
    printf("nobody fails any more; what was on its way may be lost\n");
    healed = 1;
    if
    :: calls = 0; compensations = 0; fence_sent = 0; failed = 0
    :: true
    fi
  };
  atomic {
    timeout ->
    MUST(saga_ends, phase == ended && told != 0);
    MUST(ending_holds, STANDS == (told == COMMITTED -> ALL : 0))
  }
}

init {
  byte i;
  atomic {
    do
    :: i < STEPS -> run Participant(i); i++
    :: else -> break
    od;
    run Coordinator();
    run Healer();
    i = 0
  }
}
