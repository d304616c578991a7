/*
 * Three-phase commit, the quorum kind: Keidar and Dolev, "Increasing the Resilience of Distributed
 * and Replicated Database Systems", JCSS 57(3), 1998 (E3PC), as Settle runs it.
 *
 * What happens in it
 *   SITES vote; all that voted yes are in w. The first coordinator owns ballot 1: it forces that
 *   prepare-commit may have been sent, sends it, and decides commit once a majority accepted.
 *   Anybody who hears nothing, rightly or wrongly, may lead a higher ballot (2 .. BALLOTS): elect a
 *   majority, look at the answers, propose pre-commit or pre-abort, and decide once a majority
 *   accepted. All of these overlap here in every way; nobody ever waits for anybody.
 *
 * What is checked
 *   Safety     nobody decides, or learns, commit when anybody ever decided abort, or the other way
 *              round (Decide() below). A decision stands: sites that crash may forget that they
 *              heard it, the variable `decided` does not.
 *   Liveness   (-DLIVENESS) from every state that can be reached with the ballots before the last
 *              one: if then a majority is connected, nobody fails any more and one leader is left
 *              alone with the last ballot, all connected sites end. The first coordinator decides
 *              nothing any more; its witness, if connected, is a site like any other. That is what
 *              can be had: two leaders that outbid each other for ever end nothing.
 *
 * What is abstracted away
 *   Messages   are facts: what was sent once can be read by anybody, at any time, in any order, any
 *              number of times, or never. So loss, delay, doubling and reordering need no channels.
 *   Suspicion  a leader may begin at any time: false suspicion is the rule, not the exception.
 *   Leaders    are nowhere in particular. A site that leads, or the coordinator that came back, is
 *              one of these that does less. That one ballot has one leader, who takes it up once,
 *              is an assumption (-DBALLOT_TAKEN_UP_TWICE shows that it is needed); the program
 *              earns it by a compare-and-set of the leading site's own row, or a forced record.
 *   Stopping   of a leader or of the coordinator is that it does nothing any more.
 *   Asking     a site for its state is the same as hearing its decision, if it has one.
 *
 * What a site keeps: its state (q, w, pc, pa, c, a), the last ballot it was elected in (le) and the
 * last one it accepted (la); each once in memory and once on disk. A crash sets memory to what is
 * on disk. Only how it ended is written lazily. Preparing is one step: that the record says w may
 * be lost on PostgreSQL, but a record in q with a prepared branch beside it is read as w.
 *
 * Parameters   -DSITES=3 (to 5), -DBALLOTS=2 (to 4)
 *   -DWITNESS  site 0 is the coordinator's witness: it casts no vote; the coordinator's forced mark
 *              is its pre-commit, and what the coordinator aborts alone is its abort.
 *   -DLIVENESS, -DMINORITY, and the mistakes in the list below.
 *
 * The mistakes: each of these splits it. The shortest story of each, told from spin's own trail,
 * is in docs/models.md.
 *   JOINS_ANY_BALLOT            sites join a ballot lower than one they joined   (three ballots)
 *   ACCEPTS_ANY_BALLOT          sites accept in a ballot that they have left for a higher one
 *   ELECTED_NOT_FORCED          le is lost in a crash
 *   PREPARED_STATE_NOT_FORCED   pc, pa and la are lost in a crash
 *   FIRST_FORGETS_PRE_COMMIT    the first coordinator does not force its mark
 *   ABORTS_ALONE_AFTER_PRE_COMMIT   the first coordinator aborts, though it sent prepare-commit
 *   ABORTS_ALONE_IN_W           a site in w aborts when its timer runs out
 *   RECOVERS_WITHOUT_QUORUM     a leader proposes by whoever answered
 *   ANY_PRE_COMMIT_WINS         "any pc" in place of "the highest attempt"   (three ballots)
 *   BALLOT_TAKEN_UP_TWICE       a leader crashes and leads the same ballot again
 *   BRANCH_NOT_LOOKED_FOR       after a crash the record in q is believed, though a prepared
 *                               branch stands beside it
 *   FENCE_NOT_KEPT              elect at q answers abort, and the site may still prepare
 *   PRUNED_ROW_IS_NO_ROW        once all have ended a site removes its record, and takes a late
 *                               elect for one about work that never voted
 *   DECIDES_WITHOUT_QUORUM      one acceptance is taken for a decision
 * And three that show that the checks look at anything at all: each must be reported.
 *   NEVER_COMMITS_BY_RECOVERY, NEVER_ABORTS_BY_RECOVERY    claim that no leader ever decides that
 *   MINORITY                    with LIVENESS: less than a majority is connected. It waits.
 */
#ifndef SITES
#define SITES 3
#endif
#ifndef BALLOTS
#define BALLOTS 2
#endif

#define ALL ((1 << SITES) - 1)
#define MAJORITY (SITES / 2 + 1)
#define BIT(site) (1 << (site))
#define COUNT(set) \
  (((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1) + (((set) >> 3) & 1) + (((set) >> 4) & 1))
#define IS_MAJORITY(set) (COUNT(set) >= MAJORITY)
#define AT(ballot, site) ((ballot) * SITES + (site))

/* q, w, pc, pa, c, a. A prepared site has voted yes. */
mtype = { working, prepared, pre_committed, pre_aborted, committed, aborted };
#define IS_FINAL(state) ((state) == committed || (state) == aborted)
#define IS_OPEN(state) (!IS_FINAL(state) && (state) != working)

/* Values, as sets: nothing is 0. */
#define COMMIT 1
#define ABORT 2

/* The sites' records. */
mtype state[SITES] = working, disk_state[SITES] = working;
byte elected[SITES] = 1, disk_elected[SITES] = 1;
byte accepted[SITES], disk_accepted[SITES];

/* Messages: who sent it, or what was sent. */
byte yes_votes;                           /* sites */
bit elect_sent[BALLOTS + 1];
byte answered[BALLOTS + 1];               /* sites that answered elect(ballot), undecided */
mtype answer_state[(BALLOTS + 1) * SITES]; /* with what */
byte answer_accepted[(BALLOTS + 1) * SITES];
byte proposed[BALLOTS + 1];               /* prepare-commit(ballot), prepare-abort(ballot) */
byte commit_acks[BALLOTS + 1];            /* sites */
byte abort_acks[BALLOTS + 1];
byte told;                                /* decisions that can be heard */

byte decided; /* what was ever decided by anybody: nothing that crashes */

#define COMMITTED(site) ((site) >= SITES || disk_state[(site) % SITES] == committed)
#define ALL_COMMITTED \
  (COMMITTED(0) && COMMITTED(1) && COMMITTED(2) && COMMITTED(3) && COMMITTED(4))

/* What pan names when it is violated. */
bit one_decision = 1, connected_sites_end = 1, the_claim = 1;
#define MUST(property, condition) \
  property = (condition); \
  assert(property)

/* The first coordinator. */
mtype = { voting, pre_committing, down, retired };
mtype coordinator = voting;
bit mark; /* its forced record: prepare-commit may have been sent */

/* After `healed` nobody fails any more, and only the connected sites and the last leader act. */
bit healed;
byte connected = ALL;

#ifdef LIVENESS
#define ACTS(site) (!healed || (connected & BIT(site)))
#define BROKEN (!healed)
#define LEADS(ballot) (healed == ((ballot) == BALLOTS))
#else
#define ACTS(site) true
#define BROKEN true
#define LEADS(ballot) true
#endif

#ifdef WITNESS
#define VOTERS (ALL - 1)
#else
#define VOTERS ALL
#endif

inline Decide(value) {
  told = told | (value);
  decided = decided | (value);
  MUST(one_decision, decided != (COMMIT | ABORT))
}

inline Force(site) {
  disk_state[site] = state[site];
  disk_elected[site] = elected[site];
  disk_accepted[site] = accepted[site]
}

inline ForceElected(site) {
#ifdef ELECTED_NOT_FORCED
  skip
#else
  Force(site)
#endif
}

inline ForcePrepared(site) {
#ifdef PREPARED_STATE_NOT_FORCED
  skip
#else
  Force(site)
#endif
}

/* elect(ballot) at a site. One that has ended answers how: that is `told`. */
#ifdef JOINS_ANY_BALLOT
#define MAY_JOIN(site, ballot) ((ballot) != elected[site])
#else
#define MAY_JOIN(site, ballot) ((ballot) > elected[site])
#endif
#ifdef ACCEPTS_ANY_BALLOT
#define MAY_ACCEPT(site, ballot) true
#else
#define MAY_ACCEPT(site, ballot) ((ballot) == elected[site])
#endif

inline Join(site, ballot) {
  if
  :: state[site] == working -> /* the fence: a prepare that comes later finds it */
     printf("site %d, not prepared, is elected for ballot %d: aborted\n", site, ballot);
#ifndef FENCE_NOT_KEPT
     state[site] = aborted;
     Force(site);
#endif
     Decide(ABORT)
  :: else ->
     printf("site %d joins ballot %d: %e, accepted %d\n", site, ballot, state[site],
            accepted[site]);
     elected[site] = ballot;
     ForceElected(site);
     answer_state[AT(ballot, site)] = state[site];
     answer_accepted[AT(ballot, site)] = accepted[site];
     answered[ballot] = answered[ballot] | BIT(site)
  fi
}

/* prepare-commit(ballot) or prepare-abort(ballot) at a site. */
#define HAS_ACCEPTED(site, ballot, value) (state[site] == value && accepted[site] == ballot)

inline Accept(site, ballot, value, acks) {
  printf("site %d accepts ballot %d: %e\n", site, ballot, value);
  state[site] = value;
  elected[site] = ballot;
  accepted[site] = ballot;
  ForcePrepared(site);
  acks = acks | BIT(site)
}

/* What may arrive at site `me`. A message that would change nothing is as good as lost. */
#define MESSAGES(ballot) \
  :: atomic { ACTS(me) && !IS_FINAL(state[me]) && elect_sent[ballot] && MAY_JOIN(me, ballot) -> \
     Join(me, ballot) } \
  :: atomic { ACTS(me) && IS_OPEN(state[me]) && MAY_ACCEPT(me, ballot) && \
              (proposed[ballot] & COMMIT) && !HAS_ACCEPTED(me, ballot, pre_committed) -> \
     Accept(me, ballot, pre_committed, commit_acks[ballot]) } \
  :: atomic { ACTS(me) && IS_OPEN(state[me]) && MAY_ACCEPT(me, ballot) && \
              (proposed[ballot] & ABORT) && !HAS_ACCEPTED(me, ballot, pre_aborted) -> \
     Accept(me, ballot, pre_aborted, abort_acks[ballot]) }

proctype Site(byte me) {
end:
  do
#ifdef WITNESS
  :: atomic { me != 0 && ACTS(me) && state[me] == working ->
#else
  :: atomic { ACTS(me) && state[me] == working ->
#endif
     if
     :: printf("site %d prepares and votes yes\n", me);
        state[me] = prepared; /* the branch, and the record in the same database: one flush */
#ifndef BRANCH_NOT_LOOKED_FOR
        Force(me);
#endif
        yes_votes = yes_votes | BIT(me)
     :: printf("site %d votes no\n", me);
        state[me] = aborted; /* nothing that must be durable, see the crash */
        Decide(ABORT)
     fi }

  MESSAGES(1)
  MESSAGES(2)
#if BALLOTS >= 3
  MESSAGES(3)
#endif
#if BALLOTS >= 4
  MESSAGES(4)
#endif

     /* Obeys whoever knows the decision. Lazily: the flush of COMMIT PREPARED covers it later. */
  :: atomic { ACTS(me) && !IS_FINAL(state[me]) && (told & COMMIT) ->
     printf("site %d hears: committed\n", me);
     state[me] = committed;
     Decide(COMMIT) }
  :: atomic { ACTS(me) && !IS_FINAL(state[me]) && (told & ABORT) ->
     printf("site %d hears: aborted\n", me);
     state[me] = aborted;
     Decide(ABORT) }
  :: atomic { ACTS(me) && IS_FINAL(state[me]) && disk_state[me] != state[me] -> Force(me) }

     /* Dies, and is back. What was not on disk is gone; work that was not prepared is gone too. */
  :: atomic { BROKEN ->
     state[me] = disk_state[me];
     elected[me] = disk_elected[me];
     accepted[me] = disk_accepted[me];
     printf("site %d dies and is back: %e, elected %d, accepted %d\n", me, state[me], elected[me],
            accepted[me]);
     if
     :: state[me] == working -> state[me] = aborted; Force(me); Decide(ABORT)
     :: else
     fi }

#ifdef PRUNED_ROW_IS_NO_ROW
  :: atomic { ALL_COMMITTED && elect_sent[2] ->
     printf("site %d has removed its record; elected for ballot 2 it says: aborted\n", me);
     Decide(ABORT) }
#endif
#ifdef ABORTS_ALONE_IN_W
  :: atomic { ACTS(me) && state[me] == prepared ->
     printf("site %d aborts alone\n", me);
     state[me] = aborted;
     Force(me);
     Decide(ABORT) }
#endif
  od
}

#ifdef DECIDES_WITHOUT_QUORUM
#define SUFFICES(acks) ((acks) != 0)
#else
#define SUFFICES(acks) IS_MAJORITY(acks)
#endif

proctype FirstCoordinator() {
end:
  do
#ifdef WITNESS
  :: atomic { BROKEN && coordinator == voting && yes_votes == VOTERS && state[0] == working ->
     state[0] = pre_committed; /* the forced mark is the witness's record */
     accepted[0] = 1;
#ifndef FIRST_FORGETS_PRE_COMMIT
     Force(0);
#endif
     commit_acks[1] = commit_acks[1] | BIT(0);
#else
  :: atomic { BROKEN && coordinator == voting && yes_votes == VOTERS ->
#ifndef FIRST_FORGETS_PRE_COMMIT
     mark = 1;
#endif
#endif
     printf("the coordinator sends prepare-commit(1)\n");
     coordinator = pre_committing;
     proposed[1] = COMMIT }

     /* A no, a timeout, an operator: alone, and nothing is written. */
#ifdef ABORTS_ALONE_AFTER_PRE_COMMIT
  :: atomic { BROKEN && (coordinator == voting || coordinator == pre_committing) ->
#else
  :: atomic { BROKEN && coordinator == voting ->
#endif
     printf("the coordinator aborts alone\n");
     coordinator = retired;
#ifdef WITNESS
     if
     :: state[0] == working -> state[0] = aborted
     :: else /* its witness was elected first, and aborted */
     fi;
#endif
     Decide(ABORT) }

  :: atomic { BROKEN && coordinator == pre_committing && SUFFICES(commit_acks[1]) ->
     printf("the coordinator decides commit by ballot 1\n");
     coordinator = retired;
     Decide(COMMIT) }

#ifndef WITNESS
     /* Dies. If it comes back: without its mark it presumes abort; with it it leads a ballot of its
        own, which is one of the leaders below. With a witness the crash of site 0 is its crash. */
  :: atomic { BROKEN && coordinator != retired && coordinator != down ->
     printf("the coordinator dies\n");
     coordinator = down }
  :: atomic { BROKEN && coordinator == down && !mark ->
     printf("the coordinator is back and presumes abort\n");
     coordinator = retired;
     Decide(ABORT) }
#endif
  od
}

/* Leads `ballot`, from 2. */
proctype Leader(byte ballot) {
  byte site, chosen, highest;
  bit says_commit, says_abort;
end:
  do
  :: atomic { LEADS(ballot) && !elect_sent[ballot] ->
     printf("somebody leads ballot %d and sends elect\n", ballot);
     elect_sent[ballot] = 1 }

     /* Proposes by the answers of a majority that it happens to have read. */
#ifdef RECOVERS_WITHOUT_QUORUM
  :: atomic { LEADS(ballot) && proposed[ballot] == 0 && answered[ballot] != 0 ->
#elif defined(BALLOT_TAKEN_UP_TWICE)
  :: atomic { LEADS(ballot) && IS_MAJORITY(answered[ballot]) ->
#else
  :: atomic { LEADS(ballot) && proposed[ballot] == 0 && IS_MAJORITY(answered[ballot]) ->
#endif
     do
     :: site < SITES ->
        if
        :: answered[ballot] & BIT(site) -> chosen = chosen | BIT(site)
        :: true
        fi;
        site++
     :: else -> break
     od;
     skip;
     d_step {
       site = 0;
       do /* of the answers with the highest attempt: are all pre-committed? */
       :: site < SITES && (chosen & BIT(site)) ->
#ifdef ANY_PRE_COMMIT_WINS
          says_commit = says_commit || answer_state[AT(ballot, site)] == pre_committed;
#else
          if
          :: answer_accepted[AT(ballot, site)] > highest ->
             highest = answer_accepted[AT(ballot, site)];
             says_commit = (answer_state[AT(ballot, site)] == pre_committed);
             says_abort = !says_commit
          :: answer_accepted[AT(ballot, site)] == highest && highest > 0 ->
             says_abort = says_abort || answer_state[AT(ballot, site)] != pre_committed
          :: else
          fi;
#endif
          site++
       :: site < SITES && !(chosen & BIT(site)) -> site++
       :: else -> break
       od
     };
     if
#ifdef RECOVERS_WITHOUT_QUORUM
     :: chosen == 0
#else
     :: !IS_MAJORITY(chosen) /* has not read enough yet */
#endif
     :: else ->
        if
        :: says_commit && !says_abort ->
           printf("its leader proposes pre-commit to ballot %d\n", ballot);
           proposed[ballot] = proposed[ballot] | COMMIT
        :: else ->
           printf("its leader proposes pre-abort to ballot %d\n", ballot);
           proposed[ballot] = proposed[ballot] | ABORT
        fi
     fi;
     site = 0; chosen = 0; highest = 0; says_commit = 0; says_abort = 0 }

  :: atomic { LEADS(ballot) && SUFFICES(commit_acks[ballot]) && !(told & COMMIT) ->
#ifdef NEVER_COMMITS_BY_RECOVERY
     MUST(the_claim, decided & COMMIT);
#endif
     printf("the leader of ballot %d decides commit\n", ballot);
     Decide(COMMIT) }
  :: atomic { LEADS(ballot) && SUFFICES(abort_acks[ballot]) && !(told & ABORT) ->
#ifdef NEVER_ABORTS_BY_RECOVERY
     MUST(the_claim, decided & ABORT);
#endif
     printf("the leader of ballot %d decides abort\n", ballot);
     Decide(ABORT) }
  od
}

#ifdef LIVENESS
#ifdef MINORITY
#define CONNECTED_SITES (MAJORITY - 1)
#else
#define CONNECTED_SITES MAJORITY
#endif

/* Heals once, at any time; then looks whether anything is left that could happen. */
proctype Healer() {
  byte site, set, open;
  atomic {
    do
    :: site < SITES ->
       if
       :: COUNT(set) < CONNECTED_SITES -> set = set | BIT(site)
       :: SITES - site > CONNECTED_SITES - COUNT(set)
       fi;
       site++
    :: else -> break
    od;
    printf("healed: sites %d are connected (1 for site 0, 2 for 1, 4 for 2, ...)\n", set);
    connected = set;
    healed = 1;
    if
    :: told = 0 /* what others said and did not arrive is lost with them ... */
    :: true
    fi;
    site = 0;
    do /* ... what the connected sites know can be asked */
    :: site < SITES ->
       if
       :: (set & BIT(site)) && state[site] == committed -> told = told | COMMIT
       :: (set & BIT(site)) && state[site] == aborted -> told = told | ABORT
       :: else
       fi;
       site++
    :: else -> break
    od;
    site = 0
  };
  atomic {
    timeout -> /* nobody can do anything any more */
    do
    :: site < SITES ->
       open = open + ((set & BIT(site)) && !IS_FINAL(state[site]));
       site++
    :: else -> break
    od;
    MUST(connected_sites_end, open == 0)
  }
}
#endif

init {
  byte i;
  atomic {
    do
    :: i < SITES -> run Site(i); i++
    :: else -> break
    od;
    run FirstCoordinator();
    i = 2;
    do
    :: i <= BALLOTS -> run Leader(i); i++
    :: else -> break
    od;
#ifdef LIVENESS
    run Healer();
#endif
    i = 0
  }
}
