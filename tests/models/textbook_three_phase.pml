/*
 * Three-phase commit as textbooks have it: Skeen, "Nonblocking Commit Protocols", SIGMOD 1981.
 * Settle does not offer it, not even as an option. This model shows why.
 *
 * What happens in it
 *   Sites vote; all that voted yes are in w. The coordinator sends pre-commit, waits until every
 *   site that lives has acknowledged it, and commits. When it is dead, any site that lives leads:
 *   it looks at whom it reaches. Somebody has ended: the same for all. Nobody is in pc: abort.
 *   Somebody is: all are brought to pc first, then commit. When that leader dies, the next one
 *   leads.
 *
 * What is checked
 *   Safety     nobody decides, or hears, commit when anybody ever decided abort, or the other way
 *              round.
 *   Liveness   while one site lives, all sites that live end.
 *
 * As it stands it holds, and its assumptions are what it stands on: who is dead is known and never
 * comes back, all who live reach each other, and no message arrives after the next leader began.
 * No network gives that. Each of these takes one assumption away, and splits it (docs/models.md):
 *   TIMERS           nobody leads; a site in w aborts and a site in pc commits when the coordinator
 *                    is dead. The textbook's time-out transitions: they fail by themselves
 *   FALSE_SUSPICION  who is slow is taken for dead
 *   SLOW_MESSAGES    what an earlier leader sent may arrive later
 *   PARTITION        a leader may reach some of those who live
 *
 * Parameter: -DSITES=3
 */
#ifndef SITES
#define SITES 3
#endif
#define ALL ((1 << SITES) - 1)
#define BIT(site) (1 << (site))

mtype = { working, prepared, pre_committed, committed, aborted };
#define IS_FINAL(state) ((state) == committed || (state) == aborted)

#define COMMIT 1
#define ABORT 2

#define COORDINATOR SITES /* leads first */

mtype state[SITES] = working;
byte alive = ALL | BIT(COORDINATOR);
byte leader = COORDINATOR;

/* Facts that were sent, as sets of their senders. */
byte pre_commit_sent, commit_sent, abort_sent;
byte yes_votes;
byte acks[SITES + 1]; /* of the pre-commit of each sender */
byte in_reach;        /* of the leading site, when it looked */

byte decided;
bit coordinator_is_done;

/* What pan names when it is violated. */
bit one_decision = 1, living_sites_end = 1;
#define MUST(property, condition) \
  property = (condition); \
  assert(property)

#ifdef FALSE_SUSPICION
#define SEEMS_DEAD(who) true
#define ALL_ACKNOWLEDGED(sites, leading) true /* who did not is dead, it thinks */
#else
#define SEEMS_DEAD(who) (!(alive & BIT(who)))
#define ALL_ACKNOWLEDGED(sites, leading) (((sites) & alive & (ALL - acks[leading])) == 0)
#endif
#ifdef SLOW_MESSAGES
#define ARRIVES(senders) (senders)
#else
#define ARRIVES(senders) ((senders) & BIT(leader))
#endif
#define LIVES(who) (alive & BIT(who))

inline Decide(value) {
  decided = decided | (value);
  MUST(one_decision, decided != (COMMIT | ABORT))
}

#define PRE_COMMIT_FROM(sender) \
  :: atomic { LIVES(me) && (state[me] == prepared || state[me] == pre_committed) && \
              (ARRIVES(pre_commit_sent) & BIT(sender)) && !(acks[sender] & BIT(me)) -> \
     printf("site %d acknowledges the pre-commit of %d\n", me, sender); \
     state[me] = pre_committed; \
     acks[sender] = acks[sender] | BIT(me) }

proctype Site(byte me) {
  byte site, ended;
  bit saw_pre_commit;
end:
  do
  :: atomic { LIVES(me) && state[me] == working ->
     if
     :: printf("site %d votes yes\n", me);
        state[me] = prepared;
        yes_votes = yes_votes | BIT(me)
     :: printf("site %d votes no\n", me);
        state[me] = aborted;
        Decide(ABORT)
     fi }
  PRE_COMMIT_FROM(0)
  PRE_COMMIT_FROM(1)
  PRE_COMMIT_FROM(2)
  PRE_COMMIT_FROM(3)
#if SITES >= 4
  PRE_COMMIT_FROM(4)
#endif
  :: atomic { LIVES(me) && !IS_FINAL(state[me]) && ARRIVES(commit_sent) ->
     printf("site %d hears: committed\n", me);
     state[me] = committed;
     Decide(COMMIT) }
  :: atomic { LIVES(me) && !IS_FINAL(state[me]) && ARRIVES(abort_sent) ->
     printf("site %d hears: aborted\n", me);
     state[me] = aborted;
     Decide(ABORT) }
     /* One site at least lives. */
  :: atomic { LIVES(me) && (alive & ALL) != BIT(me) ->
     printf("site %d dies\n", me);
     alive = alive - BIT(me) }

#ifdef TIMERS
  :: atomic { LIVES(me) && (state[me] == working || state[me] == prepared) &&
              SEEMS_DEAD(COORDINATOR) ->
     printf("site %d, prepared, has waited long enough and aborts\n", me);
     state[me] = aborted;
     Decide(ABORT) }
  :: atomic { LIVES(me) && state[me] == pre_committed && SEEMS_DEAD(COORDINATOR) ->
     printf("site %d, pre-committed, has waited long enough and commits\n", me);
     state[me] = committed;
     Decide(COMMIT) }
#else
     /* Takes the lead, and looks at all it reaches. */
  :: atomic { LIVES(me) && leader != me && SEEMS_DEAD(leader) ->
     leader = me;
     in_reach = BIT(me);
     do
     :: site < SITES ->
        if
        :: LIVES(site) -> in_reach = in_reach | BIT(site)
#ifdef PARTITION
        :: site != me
#endif
        :: else
        fi;
        site++
     :: else -> break
     od;
     site = 0;
     do
     :: site < SITES ->
        if
        :: (in_reach & BIT(site)) && IS_FINAL(state[site]) ->
           ended = ended | (state[site] == committed -> COMMIT : ABORT)
        :: (in_reach & BIT(site)) && state[site] == pre_committed ->
           saw_pre_commit = 1;
           acks[me] = acks[me] | BIT(site)
        :: else
        fi;
        site++
     :: else -> break
     od;
     if
     :: ended & COMMIT ->
        printf("site %d leads; somebody has committed: so do all\n", me);
        commit_sent = commit_sent | BIT(me);
        state[me] = committed;
        Decide(COMMIT)
     :: (ended & ABORT) || (!ended && !saw_pre_commit) ->
        printf("site %d leads; one has aborted, or none it reaches is pre-committed: aborts\n", me);
        abort_sent = abort_sent | BIT(me);
        state[me] = aborted;
        Decide(ABORT)
     :: else ->
        printf("site %d leads; somebody is pre-committed: sends pre-commit\n", me);
        pre_commit_sent = pre_commit_sent | BIT(me)
     fi;
     site = 0; saw_pre_commit = 0; ended = 0 }
  :: atomic { LIVES(me) && leader == me && (pre_commit_sent & BIT(me)) &&
              !(commit_sent & BIT(me)) && ALL_ACKNOWLEDGED(in_reach, me) ->
     printf("site %d, leading, commits\n", me);
     commit_sent = commit_sent | BIT(me);
     state[me] = committed;
     Decide(COMMIT) }
#endif
  od
}

proctype Coordinator() {
end:
  do
  :: atomic { LIVES(COORDINATOR) && !coordinator_is_done && !pre_commit_sent && yes_votes == ALL ->
     printf("the coordinator, %d, sends pre-commit\n", COORDINATOR);
     pre_commit_sent = BIT(COORDINATOR) }
  :: atomic { LIVES(COORDINATOR) && !coordinator_is_done && !pre_commit_sent ->
     printf("the coordinator, %d, aborts\n", COORDINATOR);
     coordinator_is_done = 1;
     abort_sent = BIT(COORDINATOR);
     Decide(ABORT) }
     /* Waits for those who live; those who are dead will learn it when they are back. */
  :: atomic { LIVES(COORDINATOR) && !coordinator_is_done && (pre_commit_sent & BIT(COORDINATOR)) &&
              ALL_ACKNOWLEDGED(ALL, COORDINATOR) ->
     printf("the coordinator, %d, commits\n", COORDINATOR);
     coordinator_is_done = 1;
     commit_sent = commit_sent | BIT(COORDINATOR);
     Decide(COMMIT) }
  :: atomic { LIVES(COORDINATOR) ->
     printf("the coordinator, %d, dies\n", COORDINATOR);
     alive = alive - BIT(COORDINATOR) }
  od
}

/* Nothing can happen any more: has everybody who lives ended? */
proctype Watcher() {
  byte site;
  atomic {
    timeout ->
    do
    :: site < SITES ->
       MUST(living_sites_end, !LIVES(site) || IS_FINAL(state[site]));
       site++
    :: else -> break
    od
  }
}

init {
  byte i;
  atomic {
    do
    :: i < SITES -> run Site(i); i++
    :: else -> break
    od;
    run Coordinator();
    run Watcher();
    i = 0
  }
}
