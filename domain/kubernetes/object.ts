/** What of an object's metadata we read; everything else passes through untouched. */
export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly {
    readonly apiVersion?: string;
    readonly controller?: boolean;
    readonly kind: string;
    readonly name?: string;
  }[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
  readonly finalizers?: readonly string[];
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: 'Apply' | 'Update';
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: Fields;
  readonly subresource?: string;
}

/** A set of field paths as the server keeps it: `f:name`, `k:{…}`, `v:…`, and `.` for the node itself. */
export interface Fields {
  readonly [path: string]: Fields;
}

/** An object as the API server speaks it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMetadata;
  readonly [member: string]: unknown;
}

/** `apps/v1` → `apps`; the core group is the empty text. */
export const groupOf = (apiVersion: string): string =>
  apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';

/** One text per object and cluster; the version is left out because it is only a way to read the same object. */
export const keyOf = (object: KubernetesObject): string =>
  [groupOf(object.apiVersion), object.kind, object.metadata.namespace ?? '', object.metadata.name].join('/');

/** For people: `Service.serving.knative.dev shop/cart`. */
export function nameOf(object: KubernetesObject): string {
  const group = groupOf(object.apiVersion);
  const { namespace, name } = object.metadata;
  return `${object.kind}${group === '' ? '' : `.${group}`} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** A member that should be a mapping; anything else reads as empty. */
export function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A member that should be a text or a number; anything else reads as `otherwise`. */
export const textOf = (value: unknown, otherwise = ''): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : otherwise;
