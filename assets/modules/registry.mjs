// Where does a seat or an ordinal lie? The registry of a programme, indexed. Pure.

/** Indexes `/api/v1/<programme>/registry`; partitions are sorted by their first ordinal. */
export function indexRegistry(json) {
  const partitions = [...json.partitions].sort((a, b) => a.first - b.first);
  const seats = new Map(json.products.map((product) => [product.code, product.seat]));
  return {
    ...json,
    partitions,
    deepest: Math.max(1, json.level_names.length - 1),

    /** The seat of a product code; null, "" and a code that is not here are the worst of all. */
    seatOf: (code) => seats.get(code) ?? 0,

    productName: (code) => json.products.find((product) => product.code === code)?.name ?? "any vaccine",

    partitionOf(ordinal) {
      let low = 0;
      let high = partitions.length - 1;
      while (low <= high) {
        const middle = (low + high) >> 1;
        const partition = partitions[middle];
        if (ordinal < partition.first) high = middle - 1;
        else if (ordinal >= partition.first + partition.count) low = middle + 1;
        else return partition;
      }
      return null;
    },

    /** The partitions with facilities whose box touches `[west, south, east, north]`. */
    partitionsIn([west, south, east, north]) {
      return partitions.filter(
        ({ bbox, count }) =>
          count > 0 && bbox && bbox[0] <= east && bbox[2] >= west && bbox[1] <= north && bbox[3] >= south,
      );
    },
  };
}
