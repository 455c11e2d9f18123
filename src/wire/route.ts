/** The route word of the header: priority 3 bits, class 5, partition 10, epoch 14. Values that do not fit are masked. */

export const MAX_PRIORITY = 7;
export const MAX_CLASS = 31;
export const MAX_PARTITION = 1023;
export const MAX_EPOCH = 16_383;

export interface Route {
  readonly priority: number;
  readonly class: number;
  readonly partition: number;
  readonly epoch: number;
}

export function packRoute(priority: number, trafficClass: number, partition: number, epoch: number): number {
  return (((priority & MAX_PRIORITY) << 29) | ((trafficClass & MAX_CLASS) << 24) |
    ((partition & MAX_PARTITION) << 14) | (epoch & MAX_EPOCH)) >>> 0;
}

export function unpackRoute(word: number): Route {
  return {
    priority: word >>> 29,
    class: (word >>> 24) & MAX_CLASS,
    partition: (word >>> 14) & MAX_PARTITION,
    epoch: word & MAX_EPOCH,
  };
}
