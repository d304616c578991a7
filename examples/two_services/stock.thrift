/** The stock service's own contract. Settle has no part in it but for one string. */
namespace cpp stock

/** There are not so many. */
exception OutOfStock {
  1: required i32 left
}

/** The reservation could not be made; nothing was reserved. */
exception Failed {
  1: required string message
  /** The same order may succeed when it is tried again from the start. */
  2: required bool may_pass
}

service StockService {
  /**
   * Takes `count` pieces of `item` from the stock as a part of the caller's global transaction: they
   * are gone if the caller commits it, and back if it does not.
   */
  void reserve(1: string transaction_context, 2: string item, 3: i32 count)
      throws (1: OutOfStock out_of_stock, 2: Failed failed)
}
