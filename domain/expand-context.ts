import type { Json } from './json.ts';
import type { ObservedTopology } from './plan.ts';
import type { Inventory } from './schema/inventory.ts';
import type { Reversibility } from './step.ts';

/** One plan step to be: its target, what its activity needs, and the sentence for the timeline. */
export interface Expanded {
  /** Absent where a step stands for all its targets. */
  readonly target?: string;
  /** Set where a step is about one database: later steps about the same one need to wait for this one only. */
  readonly database?: string;
  readonly title: string;
  readonly parameters: Json;
  readonly reversibility: Reversibility;
  /** Units that lose buckets. */
  readonly leaving?: readonly string[];
}

export interface ExpandContext {
  readonly inventory: Inventory;
  readonly observed: ObservedTopology;
  /** Records what is wrong with a value of this step's `with`. */
  readonly refuse: (path: readonly (string | number)[], expected: string, seen: string) => void;
  /** Records something worth knowing that is not wrong. */
  readonly note: (sentence: string) => void;
}
