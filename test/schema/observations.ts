import type { ObservedTopology } from '../../domain/plan.ts';
import type { RoutingTable } from '../../domain/routing.ts';

export const homeTable: RoutingTable = Array.from({ length: 100 }, (_, bucket) => ({
  unit: bucket < 50 ? 'east-a' : 'west-a',
  state: 'open',
}));

/** Everything as the inventory of valid-texts.ts has it at home. */
export const atHome: ObservedTopology = {
  databases: {
    orders: { primary: 'orders-east', primarySite: 'east', primaryReachable: true, because: [] },
    billing: { primary: 'billing-east', primarySite: 'east', primaryReachable: true, because: [] },
  },
  routing: { epoch: 7, operation: 'earlier', table: homeTable },
  gaps: [],
};
