import { canonicalJson } from '../json.ts';
import { unionOfFields } from './managed-fields.ts';
import { marks } from './marks.ts';
import { mapping, type Fields, type KubernetesObject, type ManagedFieldsEntry } from './object.ts';
import { ofOneInstance } from './strip.ts';
import { meshManager } from './virtual-service.ts';

// An undo takes back what the shift changed. Between the two, others go on working with the same object: a controller
// hangs a finalizer on it, a team labels it, certificates get a host. None of that is the shift's to take away.

/** What a shift changes of a VirtualService; an undo changes nothing else of one that is still there. */
const shiftedSpec = ['hosts', 'gateways', 'http'] as const;
const shiftedMarks = [marks.epoch, marks.operation] as const;

/** A route as a snapshot keeps it: enough to change a live one back, or to make a deleted one anew. */
export function keptRoute(route: KubernetesObject): KubernetesObject {
  const { status: _status, metadata, ...rest } = route;
  const kept = Object.entries(metadata).filter(([key]) => !ofOneInstance.has(key));
  return { ...rest, metadata: Object.fromEntries(kept) as unknown as KubernetesObject['metadata'] };
}

/** The merge patch that takes a shift back, on the state that was looked at. */
export function takingBack(former: KubernetesObject, live: KubernetesObject): object {
  const { resourceVersion } = live.metadata;
  return { metadata: { annotations: marksOf(former), resourceVersion }, spec: routingOf(former) };
}

export const isTakenBack = (former: KubernetesObject, live: KubernetesObject): boolean =>
  canonicalJson([marksOf(former), routingOf(former)]) === canonicalJson([marksOf(live), routingOf(live)]);

/** null: it was not there, and in a merge patch: it goes. */
const routingOf = (route: KubernetesObject) => picked(mapping(route['spec']), shiftedSpec);
const marksOf = ({ metadata }: KubernetesObject) => picked(metadata.annotations ?? {}, shiftedMarks);

const picked = (members: Readonly<Record<string, unknown>>, keys: readonly string[]) =>
  Object.fromEntries(keys.map((key) => [key, members[key] ?? null]));

/**
 * A shift takes the fields over from whoever owned them. They get them back: otherwise the team's next server-side
 * apply, and our own of the stored manifest, would meet a conflict with a shift that does not exist any more.
 * @returns the entries to write, or undefined where they are right, or the snapshot is of a version that kept none
 */
export function ownersGivenBack(
  former: KubernetesObject,
  live: KubernetesObject,
): readonly ManagedFieldsEntry[] | undefined {
  const { managedFields: before } = former.metadata;
  if (before === undefined) return undefined;
  const now = live.metadata.managedFields ?? [];
  const lent = before.filter((entry) => !isOfShift(entry)).map(onlyShifted);
  const others = now.filter((entry) => !isOfShift(entry));
  const joined = others.map((entry) => ({
    ...entry,
    fieldsV1: unionOfFields(
      entry.fieldsV1 ?? {},
      lent.find((one) => keyOf(one) === keyOf(entry))?.fieldsV1 ?? {},
    ),
  }));
  const known = new Set(others.map(keyOf));
  const returning = lent.filter(
    (entry) => !known.has(keyOf(entry)) && Object.keys(entry.fieldsV1 ?? {}).length > 0,
  );
  const wanted = [...joined, ...returning, ...before.filter(isOfShift)];
  return ownership(wanted) === ownership(now) ? undefined : wanted;
}

const isOfShift = ({ manager, subresource = '' }: ManagedFieldsEntry): boolean =>
  manager === meshManager && subresource === '';

/** As the server tells its entries apart: one that applies is the same in every version. */
const keyOf = ({ manager, operation, apiVersion, subresource = '' }: ManagedFieldsEntry): string =>
  [manager, operation, operation === 'Apply' ? '' : apiVersion, subresource].join(' ');

const ownership = (entries: readonly ManagedFieldsEntry[]): string =>
  canonicalJson(entries.map((entry) => [keyOf(entry), entry.fieldsV1 ?? {}] as const).toSorted(byKey));

const byKey = ([first]: readonly [string, Fields], [second]: readonly [string, Fields]): number =>
  first < second ? -1 : 1;

/** Of what somebody owned, the fields that a shift takes over. */
function onlyShifted(entry: ManagedFieldsEntry): ManagedFieldsEntry {
  const { 'f:spec': spec = {}, 'f:metadata': metadata = {} } = entry.fieldsV1 ?? {};
  const fieldsV1 = {
    ...within('f:spec', only(spec, shiftedSpec)),
    ...within('f:metadata', within('f:annotations', only(metadata['f:annotations'] ?? {}, shiftedMarks))),
  };
  return { ...entry, fieldsV1 };
}

const only = (fields: Fields, keys: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([path]) => keys.some((key) => path === `f:${key}`)));

const within = (path: string, fields: Fields): Fields =>
  Object.keys(fields).length === 0 ? {} : { [path]: fields };
