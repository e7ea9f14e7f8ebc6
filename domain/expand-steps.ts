import type { Json } from './json.ts';
import { moveUnits, currentTable } from './moved-units.ts';
import type { UnitMove } from './moved-units.ts';
import { rangesOf } from './bucket-ranges.ts';
import { kubernetesExpanders } from './kubernetes/expand.ts';
import type { ExpandContext, Expanded } from './expand-context.ts';
import { selectDatabases, selectDatasources } from './select-databases.ts';
import type { Inventory, Probe, Routing } from './schema/inventory.ts';
import type { RunbookStepKind, StepWith, UnitSelector } from './schema/step-with.ts';
import { stepKinds } from './step-kinds.ts';
import type {
  ApproveParameters,
  CallHookParameters,
  GatewayParameters,
  HoldParameters,
  MoveUnitsParameters,
  PromoteDatabaseParameters,
  PushDatasourceParameters,
  VerifyEndpointParameters,
} from './step-parameters.ts';
import type { Reversibility } from './step.ts';

type Expander<Kind extends RunbookStepKind> = (
  what: StepWith<Kind>,
  context: ExpandContext,
) => readonly Expanded[];

/** Parameters are plain data by construction; the cast says so once, here. */
const json = (parameters: object): Json => parameters as Json;
const listed = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;

/** The name `to` is checked for every kind that has one. */
function siteExists(to: string, context: ExpandContext): boolean {
  const sites = Object.keys(context.inventory.sites);
  if (sites.includes(to)) return true;
  context.refuse(['to'], `a site: ${sites.join(', ')}`, to);
  return false;
}

export function gatewayParameters(inventory: Inventory, routing: Routing): GatewayParameters {
  return {
    routing,
    gateways: inventory.gateways,
    ...(inventory.gatewayTls === undefined ? {} : { tls: inventory.gatewayTls }),
  };
}

function move(
  units: UnitSelector,
  to: string,
  context: ExpandContext,
): { routing: Routing; move: UnitMove } | undefined {
  const { routing } = context.inventory;
  if (routing === undefined) {
    context.note('the inventory has no routing: no units are moved');
    return undefined;
  }
  if (!siteExists(to, context)) return undefined;
  const result = moveUnits(routing, currentTable(routing, context.observed), units, to);
  if (result.ok) return { routing, move: result.move };
  context.refuse(['units'], result.expected, result.seen);
  return undefined;
}

const moveStep =
  (kind: 'fenceUnits' | 'openUnits'): Expander<'fenceUnits' | 'openUnits'> =>
  ({ units, to }, context) => {
    const found = move(units, to, context);
    if (found === undefined) return [];
    const { current, wanted, moved, leaving, arriving } = found.move;
    const parameters: MoveUnitsParameters = {
      ...gatewayParameters(context.inventory, found.routing),
      current,
      wanted,
    };
    const what = moved.length === 0 ? 'no bucket: all are there already' : `buckets ${rangesOf(moved)}`;
    const title =
      kind === 'fenceUnits'
        ? `Fence ${what}${leaving.length === 0 ? '' : ` of ${listed(leaving)}`}`
        : `Open ${what}${moved.length === 0 ? '' : ` at ${listed([...arriving.keys()])}`}`;
    return [{ title, parameters: json(parameters), reversibility: stepKinds[kind].reversibility, leaving }];
  };

const promoteDatabase: Expander<'promoteDatabase'> = ({ databases, to }, context) => {
  if (!siteExists(to, context)) return [];
  return selectDatabases(databases, to, context).map(({ name, cluster, primary, primarySite }) => {
    const candidates = Object.values(cluster.nodes).filter((node) => node.site === to && !node.neverPromote);
    if (candidates.length === 0)
      context.refuse(['to'], `a site with a node of ${name} that may be primary`, `${to}, which has none`);
    const parameters: PromoteDatabaseParameters = {
      database: name,
      cluster,
      primary,
      toSite: to,
      fromSite: primarySite,
      acceptableLossTransactions: context.inventory.policy.acceptableLossTransactions,
    };
    return {
      target: name,
      database: name,
      title: `Promote ${name} in ${to} (primary is ${primary} in ${primarySite})`,
      parameters: json(parameters),
      reversibility: stepKinds.promoteDatabase.reversibility,
    };
  });
};

const pushDatasource: Expander<'pushDatasource'> = ({ datasources, to }, context) => {
  if (!siteExists(to, context)) return [];
  const selected = selectDatasources(datasources, to, context);
  if (selected.length === 0) context.note('no datasource belongs to a database that moves or has moved');
  return selected.map(({ name, datasource, cluster, fromSite }) => {
    const centers = datasource.publishTo.map(({ center }) => [
      center,
      context.inventory.configCenters[center],
    ]);
    const parameters: PushDatasourceParameters = {
      name,
      datasource,
      cluster,
      centers: Object.fromEntries(centers),
      collectors: context.inventory.collectors,
      fromSite,
      toSite: to,
    };
    return {
      target: name,
      database: datasource.database,
      title: `Point ${name} to the primary of ${datasource.database} in ${to}`,
      parameters: json(parameters),
      reversibility: stepKinds.pushDatasource.reversibility,
    };
  });
};

const verifyEndpoint: Expander<'verifyEndpoint'> = ({ units, to, request, users, timeoutMs }, context) => {
  const found = move(units, to, context);
  if (found === undefined) return [];
  if (found.move.arriving.size === 0) context.note('no bucket moves');
  const { body, ...asked } = request ?? found.routing.probe ?? plainProbe;
  return [...found.move.arriving].map(([unit, buckets]) => {
    const parameters: VerifyEndpointParameters = {
      ...gatewayParameters(context.inventory, found.routing),
      ...asked,
      users,
      timeoutMs,
      ...(body === undefined ? {} : { body }),
      buckets,
      expectUnit: unit,
    };
    return {
      target: unit,
      title: `Verify that users of buckets ${rangesOf(buckets)} are served by ${unit}`,
      parameters: json(parameters),
      reversibility: stepKinds.verifyEndpoint.reversibility,
    };
  });
};

/** Harmless everywhere: where nobody says what proves a unit, reading its root has to do. */
const plainProbe: Probe = { path: '/', method: 'GET', expectStatus: 200 };

const approve: Expander<'approve'> = ({ message, approvers, timeoutMs }, { inventory: { policy } }) => {
  const parameters: ApproveParameters = {
    message,
    approvers: approvers.length === 0 ? policy.approvers : approvers,
    timeoutMs: timeoutMs ?? policy.approvalTimeoutMs,
  };
  return [
    {
      title: `Ask: ${message}`,
      parameters: json(parameters),
      reversibility: stepKinds.approve.reversibility,
    },
  ];
};

const hold: Expander<'hold'> = (parameters) => {
  const held: HoldParameters = parameters;
  const title = `Hold for ${Math.round(held.holdMs / 1000)} s, then ${held.then}`;
  return [{ title, parameters: json(held), reversibility: stepKinds.hold.reversibility }];
};

const callHook: Expander<'callHook'> = ({ hook, afterAbort, parameters: given }, context) => {
  const known = context.inventory.hooks;
  const target = Object.hasOwn(known, hook) ? known[hook] : undefined;
  if (target === undefined) {
    const names = Object.keys(known);
    context.refuse(
      ['hook'],
      names.length === 0 ? 'a hook, of which there are none' : `a hook: ${names.join(', ')}`,
      hook,
    );
    return [];
  }
  const { token, ...where } = target;
  const parameters: CallHookParameters = {
    hook,
    ...where,
    ...(token === undefined ? {} : { token }),
    with: given,
  };
  const reversibility: Reversibility =
    afterAbort === 'undo' ? 'reversible' : afterAbort === 'leave' ? 'forward-only' : 'point-of-no-return';
  return [{ title: `Call the hook ${hook}`, parameters: json(parameters), reversibility }];
};

export const expanders: { readonly [Kind in RunbookStepKind]: Expander<Kind> } = {
  fenceUnits: moveStep('fenceUnits'),
  promoteDatabase,
  pushDatasource,
  openUnits: moveStep('openUnits'),
  verifyEndpoint,
  approve,
  hold,
  callHook,
  ...kubernetesExpanders,
};
