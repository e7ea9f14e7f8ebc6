import type { Fields, KubernetesObject, ManagedFieldsEntry } from './object.ts';
import { fieldManager, restoredLabel } from './marks.ts';

/**
 * Velero restores objects together with the field managers of the lost cluster. An apply of ours could then never
 * remove what those managers own: an environment variable deleted in the newest manifest would survive. So before
 * the first apply of ours the fields of a restored object are signed over to us.
 * @returns the entries to write, or undefined where nothing has to be taken over
 */
export function takenOver(object: KubernetesObject): readonly ManagedFieldsEntry[] | undefined {
  if (object.metadata.labels?.[restoredLabel] === undefined) return undefined;
  const entries = object.metadata.managedFields ?? [];
  const isMain = (entry: ManagedFieldsEntry) => (entry.subresource ?? '') === '';
  const isOurs = (entry: ManagedFieldsEntry) => entry.manager === fieldManager && entry.operation === 'Apply';
  const main = entries.filter(isMain);
  if (main.every(isOurs)) return undefined;
  const fields = main.map(({ fieldsV1 }) => fieldsV1 ?? {}).reduce(unionOfFields);
  const ours: ManagedFieldsEntry = {
    manager: fieldManager,
    operation: 'Apply',
    apiVersion: object.apiVersion,
    fieldsType: 'FieldsV1',
    fieldsV1: withoutVeleroLabels(fields),
    ...(main[0]?.time === undefined ? {} : { time: main[0].time }),
  };
  return [ours, ...entries.filter((entry) => !isMain(entry))];
}

/**
 * Fields of other managers stay when we apply without them. Where an object has more than it should, its content is
 * signed over to us first, so that our apply takes away what it does not name. Metadata and status stay their owners':
 * finalizers, and what controllers note there, are not ours to remove.
 */
export function contentTakenOver(object: KubernetesObject): readonly ManagedFieldsEntry[] {
  const kept: ManagedFieldsEntry[] = [];
  let fieldsV1: Fields = {};
  for (const entry of object.metadata.managedFields ?? []) {
    if ((entry.subresource ?? '') !== '') {
      kept.push(entry);
      continue;
    }
    if (entry.manager === fieldManager && entry.operation === 'Apply') {
      fieldsV1 = unionOfFields(fieldsV1, entry.fieldsV1 ?? {});
      continue;
    }
    const { 'f:metadata': metadata, 'f:status': status, ...content } = entry.fieldsV1 ?? {};
    fieldsV1 = unionOfFields(fieldsV1, content);
    const rest: Fields = {
      ...(metadata === undefined ? {} : { 'f:metadata': metadata }),
      ...(status === undefined ? {} : { 'f:status': status }),
    };
    if (Object.keys(rest).length > 0) kept.push({ ...entry, fieldsV1: rest });
  }
  const { apiVersion } = object;
  return [
    { manager: fieldManager, operation: 'Apply', apiVersion, fieldsType: 'FieldsV1', fieldsV1 },
    ...kept,
  ];
}

export function unionOfFields(first: Fields, second: Fields): Fields {
  const union: Record<string, Fields> = { ...first };
  for (const [path, fields] of Object.entries(second)) {
    const known = union[path];
    union[path] = known === undefined ? fields : unionOfFields(known, fields);
  }
  return union;
}

/** The labels that say where an object came from stay when we apply: nobody owns them, nor the mapping they stand in. */
function withoutVeleroLabels(fields: Fields): Fields {
  const { 'f:labels': labels, ...metadata } = fields['f:metadata'] ?? {};
  if (labels === undefined) return fields;
  const kept = Object.entries(labels).filter(([path]) => path !== '.' && !path.startsWith('f:velero.io/'));
  const inner = kept.length === 0 ? metadata : { ...metadata, 'f:labels': Object.fromEntries(kept) };
  return { ...fields, 'f:metadata': inner };
}
