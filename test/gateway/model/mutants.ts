/** Ways to get the protocol wrong, each of which the model must notice. */
export const mutants = [
  'the barrier is a majority instead of all',
  'the lease has no margin',
  'the deadline is counted from the answers instead of the sending',
  'leases are renewed without a majority',
  'leases are renewed although a peer is ahead',
  'only the newest worker is brought up and acknowledged',
  'promises are not kept on disk',
  'accepted rules are not kept on disk',
  'workers are renewed whatever table they hold',
  'a fence is undone without a fence of its own',
] as const;
export type Mutant = (typeof mutants)[number];

export const leaseMs = 2_000;
export const gatewayNames = ['g1', 'g2', 'g3'] as const;
export const domain = 'model';
