/*
 * Three-phase commit as textbooks have it: Skeen, "Nonblocking Commit Protocols", SIGMOD 1981.
 * Settle does not offer it, not even as an option. This model shows why.
 *
 * What happens in it
 *   Sites vote; all that voted yes are in w. The coordinator sends pre-commit, waits until every
 *   site that lives has acknowledged it, and commits. When it is dead, any site that lives leads: it
 *   looks at whom it reaches. Somebody has ended: the same for all. Nobody is in pc: abort. Somebody
 *   is: all are brought to pc first, then commit. When that leader dies, the next one leads.
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

#define Q 0
#define W 1
#define PC 2
#define C 4
#define A 5
#define IS_FINAL(state) ((state) >= C)

#define COMMIT 1
#define ABORT 2

#define COORDINATOR SITES /* leads first */

byte state[SITES];
byte alive = ALL | BIT(COORDINATOR);
byte leader = COORDINATOR;

/* Facts that were sent, as sets of their senders. */
byte pre_commit_sent, commit_sent, abort_sent;
byte yes_votes;
byte acks[SITES + 1]; /* of the pre-commit of each sender */
byte in_reach;        /* of the leading site, when it looked */

byte decided;
bit coordinator_is_done;

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
  assert(decided != (COMMIT | ABORT))
}

#define PRE_COMMIT_FROM(sender) \
  :: atomic { LIVES(me) && (state[me] == W || state[me] == PC) && \
              (ARRIVES(pre_commit_sent) & BIT(sender)) && !(acks[sender] & BIT(me)) -> \
     state[me] = PC; \
     acks[sender] = acks[sender] | BIT(me) }

proctype Site(byte me) {
  byte site, pre_committed, ended;
end:
  do
  :: atomic { LIVES(me) && state[me] == Q ->
     if
     :: state[me] = W; yes_votes = yes_votes | BIT(me)
     :: state[me] = A; Decide(ABORT)
     fi }
  PRE_COMMIT_FROM(0)
  PRE_COMMIT_FROM(1)
  PRE_COMMIT_FROM(2)
  PRE_COMMIT_FROM(3)
#if SITES >= 4
  PRE_COMMIT_FROM(4)
#endif
  :: atomic { LIVES(me) && !IS_FINAL(state[me]) && ARRIVES(commit_sent) ->
     state[me] = C; Decide(COMMIT) }
  :: atomic { LIVES(me) && !IS_FINAL(state[me]) && ARRIVES(abort_sent) ->
     state[me] = A; Decide(ABORT) }
     /* One site at least lives. */
  :: atomic { LIVES(me) && (alive & ALL) != BIT(me) -> alive = alive - BIT(me) }

#ifdef TIMERS
  :: atomic { LIVES(me) && state[me] <= W && SEEMS_DEAD(COORDINATOR) ->
     state[me] = A; Decide(ABORT) }
  :: atomic { LIVES(me) && state[me] == PC && SEEMS_DEAD(COORDINATOR) ->
     state[me] = C; Decide(COMMIT) }
#else
     /* Takes the lead, and looks at all it reaches. */
  :: atomic { LIVES(me) && leader != me && SEEMS_DEAD(leader) ->
     leader = me;
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
     in_reach = in_reach | BIT(me);
     site = 0;
     do
     :: site < SITES ->
        if
        :: (in_reach & BIT(site)) && IS_FINAL(state[site]) ->
           ended = ended | (state[site] == C -> COMMIT : ABORT)
        :: (in_reach & BIT(site)) && state[site] == PC ->
           pre_committed = 1;
           acks[me] = acks[me] | BIT(site)
        :: else
        fi;
        site++
     :: else -> break
     od;
     if
     :: ended & COMMIT -> commit_sent = commit_sent | BIT(me); Decide(COMMIT)
     :: ended & ABORT -> abort_sent = abort_sent | BIT(me); Decide(ABORT)
     :: !ended && !pre_committed -> abort_sent = abort_sent | BIT(me); Decide(ABORT)
     :: else -> pre_commit_sent = pre_commit_sent | BIT(me)
     fi;
     site = 0; pre_committed = 0; ended = 0 }
  :: atomic { LIVES(me) && leader == me && (pre_commit_sent & BIT(me)) &&
              !(commit_sent & BIT(me)) && ALL_ACKNOWLEDGED(in_reach, me) ->
     commit_sent = commit_sent | BIT(me);
     Decide(COMMIT) }
#endif
  od
}

proctype Coordinator() {
end:
  do
  :: atomic { LIVES(COORDINATOR) && !coordinator_is_done && !pre_commit_sent && yes_votes == ALL ->
     pre_commit_sent = BIT(COORDINATOR) }
  :: atomic { LIVES(COORDINATOR) && !coordinator_is_done && !pre_commit_sent ->
     coordinator_is_done = 1;
     abort_sent = BIT(COORDINATOR);
     Decide(ABORT) }
     /* Waits for those who live; those who are dead will learn it when they are back. */
  :: atomic { LIVES(COORDINATOR) && !coordinator_is_done && (pre_commit_sent & BIT(COORDINATOR)) &&
              ALL_ACKNOWLEDGED(ALL, COORDINATOR) ->
     coordinator_is_done = 1;
     commit_sent = commit_sent | BIT(COORDINATOR);
     Decide(COMMIT) }
  :: atomic { LIVES(COORDINATOR) -> alive = alive - BIT(COORDINATOR) }
  od
}

/* Nothing can happen any more: has everybody who lives ended? */
proctype Watcher() {
  byte site;
  atomic {
    timeout ->
    do
    :: site < SITES -> assert(!LIVES(site) || IS_FINAL(state[site])); site++
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
