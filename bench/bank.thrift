/** What a bank in a process of its own does for the benchmark's clients. */
namespace cpp settle.bench.bank

/** Nothing was done, and what the transaction did here is rolled back. */
exception Failed {
  1: required string message
}

service BankService {
  /** Takes a coin from the account, as a part of the caller's global transaction. */
  void debit(1: string transaction_context, 2: string account) throws (1: Failed failed)
  /** Gives it one. */
  void credit(1: string transaction_context, 2: string account) throws (1: Failed failed)
}
