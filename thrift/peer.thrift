/**
 * What the sites of a three-phase commit say to each other, and to the coordinator's witness, when a site leads a
 * recovery round because nothing was heard of the coordinator (docs/three_phase_commit.md). Served by every process
 * whose resources are sites, at an address of its own; for the witness by the coordinator, on its one port.
 */
include "types.thrift"

namespace cpp settle.wire
namespace py settle_wire.peer

enum PeerVerb {
  STATE = 1,       // what do you hold?
  ELECT = 2,       // join my ballot
  PRE_COMMIT = 3,  // accept commit under my ballot
  PRE_ABORT = 4,   // accept abort under my ballot
  COMMIT = 5,      // it is decided
  ABORT = 6        // it is decided
}

struct PeerRequest {
  /** The transaction's id. */
  1: required string gtid
  /** The site that is to answer: its branch, counted from 1; 0: the coordinator's witness. */
  2: required i32 site
  /** The site's resource; empty for the witness. */
  3: required string resource
  4: required PeerVerb verb
  /** Of all but STATE. Of COMMIT and ABORT: under which it was decided; absent: alone, before anybody could have
      pre-committed. */
  5: optional types.Ballot ballot
  /** Of COMMIT and ABORT: the sites whose acceptances were the majority. */
  6: optional list<i32> quorum
}

service PeerService {
  /** Answered once what the answer says is durable. Can be repeated. NOT_FOUND: this process does not serve the
      resource. UNAVAILABLE: the database cannot be reached. EXPIRED: the transaction has ended everywhere. */
  types.SiteAnswer tell(1: PeerRequest request) throws (1: types.ServiceError error)
}
